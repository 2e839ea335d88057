//! Processes under measurement.

use std::io::{BufRead as _, BufReader, Read};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::Duration;

use tokio::time::Instant;

/// Who is measured, and where it listens.
pub(super) struct Contestant<'a> {
    pub(super) name: &'a str,
    pub(super) address: String,
    pub(super) prefix: &'static str,
    pub(super) process: Option<&'a Program>,
}

impl Contestant<'_> {
    /// Nanoseconds of processor time so far.
    pub(super) fn cpu(&self) -> f64 {
        self.process.map_or(0.0, Program::cpu)
    }
}

/// A running program on one core, ended when dropped.
pub(super) struct Program {
    child: Child,
    _stdin: Option<ChildStdin>,
    /// The first line it printed; for the gateway, which prints none, the first of its log.
    pub(super) line: String,
}

/// A command that runs on this core alone, where there is more than one.
pub(super) fn pinned(program: &Path, core: usize) -> Command {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    if cores <= core || Command::new("taskset").arg("--version").output().is_err() {
        return Command::new(program);
    }
    let mut command = Command::new("taskset");
    command.args(["--cpu-list", &core.to_string()]).arg(program);
    command
}

impl Program {
    pub(super) fn start(program: &Path, args: &[&str], core: usize) -> Self {
        let serves = args.first() == Some(&"serve");
        let mut command = pinned(program, core);
        command.args(args).stdin(Stdio::piped());
        let (out, log) =
            if serves { (Stdio::null(), Stdio::piped()) } else { (Stdio::piped(), Stdio::inherit()) };
        let mut child = command.stdout(out).stderr(log).spawn().unwrap();
        let stdin = child.stdin.take();
        let line = if serves {
            first_line(child.stderr.take().unwrap())
        } else {
            first_line(child.stdout.take().unwrap())
        };
        Self { child, _stdin: stdin, line: line.trim().to_owned() }
    }

    /// Starts a server that says nothing, and waits until its port is open.
    ///
    /// # Errors
    ///
    /// When it ends before, or takes too long; what it printed is in the file `log`.
    pub(super) async fn serve(mut command: Command, address: &str, log: &Path) -> Result<Self, String> {
        let file = std::fs::File::create(log).unwrap();
        command.stdin(Stdio::null()).stdout(file.try_clone().unwrap()).stderr(file);
        let child = command.spawn().map_err(|error| error.to_string())?;
        let mut program = Self { child, _stdin: None, line: String::new() };
        let end = Instant::now() + Duration::from_secs(20);
        while TcpStream::connect(address).is_err() {
            let ended = program.child.try_wait().unwrap().is_some();
            if ended || Instant::now() > end {
                let text = std::fs::read_to_string(log).unwrap_or_default();
                return Err(format!("did not start: {}", text.lines().last().unwrap_or_default()));
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(program)
    }

    pub(super) fn cpu(&self) -> f64 {
        spent(self.child.id())
    }

    /// Tells it to end, and waits until it has.
    pub(super) fn end(mut self) {
        let told = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().unwrap();
        assert!(told.success() && self.child.wait().unwrap().success(), "the program did not end well");
    }

    /// Resident bytes.
    pub(super) fn resident(&self) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<f64>().unwrap() * 1024.0
    }
}

/// Nanoseconds of processor time that the threads of a process have spent.
pub(super) fn spent(process: u32) -> f64 {
    let mut total = 0.0;
    for task in std::fs::read_dir(format!("/proc/{process}/task")).unwrap() {
        let text = std::fs::read_to_string(task.unwrap().path().join("schedstat")).unwrap_or_default();
        total += text.split(' ').next().and_then(|spent| spent.parse::<f64>().ok()).unwrap_or_default();
    }
    total
}

impl Drop for Program {
    fn drop(&mut self) {
        // Already gone is as good as ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Reads one line, and drains the rest for as long as the program lives.
fn first_line(pipe: impl Read + Send + 'static) -> String {
    let mut reader = BufReader::new(pipe);
    let mut line = String::new();
    reader.read_line(&mut line).unwrap();
    std::thread::spawn(move || std::io::copy(&mut reader, &mut std::io::sink()));
    line
}
