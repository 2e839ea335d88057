//! Running other programs: each is named before it starts, and timed.

use anyhow::{Context as _, Result, bail};
use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};

/// The workspace root: the folder above this crate.
pub(crate) fn root() -> Result<PathBuf> {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .map(Path::to_path_buf)
        .context("xtask has no parent folder")
}

/// A command in `dir`, with cargo found through the variable cargo itself sets.
pub(crate) fn command(dir: &Path, program: &str) -> Command {
    let program =
        if program == "cargo" { std::env::var_os("CARGO") } else { None }.unwrap_or_else(|| program.into());
    let mut command = Command::new(program);
    command.current_dir(dir);
    command
}

/// Runs `program args…`, inheriting the output; fails when it fails.
pub(crate) fn run<S: AsRef<OsStr>>(dir: &Path, program: &str, args: &[S]) -> Result<()> {
    let mut command = command(dir, program);
    command.args(args);
    run_command(&mut command)
}

/// Runs a prepared command, inheriting the output; fails when it fails.
pub(crate) fn run_command(command: &mut Command) -> Result<()> {
    let line = line(command);
    say(&format!("$ {line}"));
    let start = SystemTime::now();
    let status = command.status().with_context(|| format!("cannot start `{line}`"))?;
    if !status.success() {
        bail!("`{line}` ended with {status}");
    }
    say(&format!("  done in {} s", start.elapsed().unwrap_or_default().as_secs()));
    Ok(())
}

/// Like [`run_command`]; counts the lines on stderr that begin with `word`.
pub(crate) fn run_counting(command: &mut Command, word: &str) -> Result<usize> {
    let line = line(command);
    say(&format!("$ {line}"));
    let mut child =
        command.stderr(Stdio::piped()).spawn().with_context(|| format!("cannot start `{line}`"))?;
    let mut count = 0;
    for said in BufReader::new(child.stderr.take().context("no stderr")?).split(b'\n') {
        let said = said?;
        say(&String::from_utf8_lossy(&said));
        count += usize::from(said.starts_with(word.as_bytes()));
    }
    let status = child.wait()?;
    if !status.success() {
        bail!("`{line}` ended with {status}");
    }
    Ok(count)
}

/// What `program args…` prints on stdout.
pub(crate) fn output<S: AsRef<OsStr>>(dir: &Path, program: &str, args: &[S]) -> Result<String> {
    let mut command = command(dir, program);
    command.args(args).stderr(Stdio::inherit());
    let line = line(&command);
    let output = command.output().with_context(|| format!("cannot start `{line}`"))?;
    if !output.status.success() {
        bail!("`{line}` ended with {}", output.status);
    }
    String::from_utf8(output.stdout).with_context(|| format!("`{line}` printed something that is not UTF-8"))
}

/// What `program args…` prints on stdout when it gets `input` on stdin.
pub(crate) fn pipe<S: AsRef<OsStr>>(dir: &Path, program: &str, args: &[S], input: &[u8]) -> Result<Vec<u8>> {
    let mut command = command(dir, program);
    command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let line = line(&command);
    let mut child = command.spawn().with_context(|| format!("cannot start `{line}`"))?;
    child.stdin.take().context("no stdin")?.write_all(input)?;
    let output = child.wait_with_output()?;
    if !output.status.success() {
        bail!("`{line}` ended with {}: {}", output.status, String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(output.stdout)
}

/// Whether a program can be found in `PATH`.
pub(crate) fn found(program: &str) -> bool {
    std::env::var_os("PATH")
        .is_some_and(|path| std::env::split_paths(&path).any(|folder| folder.join(program).is_file()))
}

/// Data from outside the repository: the folder that the variable `name` names, else `beside`, relative to the workspace, if it
/// is there. `None`: `what` is skipped, with a message. With `DATA_REQUIRED` set that is a failure. Tests of the workspace that need
/// a program or a folder read the same variable.
pub(crate) fn data_folder(root: &Path, name: &str, beside: &str, what: &str) -> Result<Option<PathBuf>> {
    let named = std::env::var_os(name).map(|folder| root.join(folder));
    let folder = named.clone().unwrap_or_else(|| root.join(beside)).canonicalize();
    match folder {
        Ok(folder) => Ok(Some(folder)),
        Err(error) if named.is_some() => {
            Err(error).with_context(|| format!("{name} names a folder that cannot be read"))
        }
        Err(_) if std::env::var_os("DATA_REQUIRED").is_some() => {
            bail!("{name} is not set, and DATA_REQUIRED is: {what} would be skipped")
        }
        Err(_) => {
            say(&format!("skipped: {what}; set {name}"));
            Ok(None)
        }
    }
}

/// Whether this process is root, and so may install distribution packages.
pub(crate) fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}

/// Waits a moment between two looks at something outside this process.
#[expect(clippy::disallowed_methods, reason = "no runtime here whose thread could be blocked")]
pub(crate) fn pause(time: Duration) {
    std::thread::sleep(time);
}

/// One line for the person at the terminal.
#[expect(clippy::print_stderr, reason = "this is a command line tool; messages belong on stderr")]
pub(crate) fn say(line: &str) {
    eprintln!("{line}");
}

fn line(command: &Command) -> String {
    let mut line =
        Path::new(command.get_program()).file_name().unwrap_or_default().to_string_lossy().into_owned();
    for argument in command.get_args() {
        line.push(' ');
        line.push_str(&argument.to_string_lossy());
    }
    line
}
