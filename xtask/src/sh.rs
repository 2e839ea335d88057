//! What the steps share to run programs: a shell in the root of the workspace, which names each program before it starts it.

use anyhow::{Context as _, Result, bail, ensure};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use xshell::{Cmd, Shell, cmd};

/// A shell in the workspace root, the folder above this crate.
pub(crate) fn root() -> Result<Shell> {
    let sh = Shell::new()?;
    sh.change_dir(Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("xtask has no parent folder")?);
    Ok(sh)
}

/// Whether a program ends well. What it prints is not shown. Not to be started is an error.
pub(crate) fn succeeds(command: Cmd<'_>) -> Result<bool> {
    Ok(command.ignore_status().output()?.status.success())
}

/// An empty folder, with its whole path.
pub(crate) fn fresh(sh: &Shell, folder: &str) -> Result<PathBuf> {
    sh.remove_path(folder)?;
    Ok(sh.create_dir(folder)?)
}

/// Writes a file that is made of others with `bless`, and fails without it where the file is another. `command` is the one to run.
pub(crate) fn made(sh: &Shell, file: &str, text: &str, bless: bool, command: &str) -> Result<()> {
    if bless {
        sh.write_file(file, text)?;
    }
    ensure!(
        sh.read_file(file).unwrap_or_default() == text,
        "{file} is not up to date; read the change, then `cargo xtask {command} --bless`"
    );
    Ok(())
}

/// The files that git tracks, or would track, which match the pattern.
pub(crate) fn tracked(sh: &Shell, pattern: &str) -> Result<Vec<String>> {
    let list = cmd!(sh, "git ls-files --cached --others --exclude-standard {pattern}").read()?;
    Ok(list.lines().filter(|name| sh.path_exists(name)).map(str::to_owned).collect())
}

/// Whether a program can be found in `PATH`.
pub(crate) fn found(program: &str) -> bool {
    std::env::var_os("PATH")
        .is_some_and(|path| std::env::split_paths(&path).any(|folder| folder.join(program).is_file()))
}

/// Where cargo keeps what it has fetched.
pub(crate) fn cargo_home(sh: &Shell) -> PathBuf {
    let home = || PathBuf::from(sh.var_os("HOME").unwrap_or_default()).join(".cargo");
    sh.var_os("CARGO_HOME").map_or_else(home, PathBuf::from)
}

/// Data from outside the repository: the folder that the variable `name` names, else `beside`, relative to the workspace, if it
/// is there. `None`: `what` is skipped, with a message. With `DATA_REQUIRED` set that is a failure. Tests of the workspace that need
/// a program or a folder read the same variable.
pub(crate) fn data_folder(sh: &Shell, name: &str, beside: &str, what: &str) -> Result<Option<PathBuf>> {
    let named = sh.var_os(name).map(PathBuf::from);
    match sh.current_dir().join(named.as_deref().unwrap_or(beside.as_ref())).canonicalize() {
        Ok(folder) => Ok(Some(folder)),
        Err(error) if named.is_some() => {
            Err(error).with_context(|| format!("{name} names a folder that cannot be read"))
        }
        Err(_) if sh.var_os("DATA_REQUIRED").is_some() => {
            bail!("{name} is not set, and DATA_REQUIRED is: {what} would be skipped")
        }
        Err(_) => {
            say(&format!("skipped: {what}; set {name}"));
            Ok(None)
        }
    }
}

/// A process in the background, ended when dropped.
pub(crate) struct Running(pub(crate) Child);

impl Running {
    /// Starts a command whose output the caller has redirected.
    pub(crate) fn start(command: &mut Command) -> Result<Self> {
        let child = command.stdin(Stdio::null()).spawn();
        Ok(Self(child.with_context(|| format!("cannot start {}", command.get_program().display()))?))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Already gone is as good as ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
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
