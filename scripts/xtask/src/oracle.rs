//! The CPython that everything is compared with.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// The oracle's command: `PYRT_ORACLE`, what `scripts/install-cpython` has installed, or a 3.14 on the path.
pub fn command() -> String {
    available().unwrap_or_else(|| "python3.14".to_owned())
}

/// The oracle's command, if there is an oracle on this machine.
pub fn available() -> Option<String> {
    if let Ok(command) = std::env::var("PYRT_ORACLE") {
        return Some(command);
    }
    let installed = std::env::var("CPYTHON_DIR")
        .or_else(|_| std::env::var("HOME").map(|home| format!("{home}/.cache/pyrt-oracle")))
        .map(|folder| format!("{folder}/cpython3.14"))
        .unwrap_or_default();
    let works = |name: &str| {
        Command::new(name)
            .args(["-c", "import sys; sys.exit(sys.version_info[:2] != (3, 14) or sys.implementation.name != 'cpython')"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
    };
    [installed.as_str(), "cpython3.14", "python3.14"].into_iter().find(|name| works(name)).map(str::to_owned)
}

/// A CPython process that answers one line per request line.
pub struct Oracle {
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
}

impl Oracle {
    pub fn start(script: &str) -> std::io::Result<Self> {
        let mut child = Command::new(command())
            .args(["-X", "utf8", "-c", script])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()?;
        let missing = || std::io::Error::other("the oracle has no pipes");
        let stdin = child.stdin.take().ok_or_else(missing)?;
        let stdout = BufReader::new(child.stdout.take().ok_or_else(missing)?);
        Ok(Self { child, stdin, stdout })
    }

    /// Sends a line and returns the line that answers it.
    pub fn ask(&mut self, request: &str) -> std::io::Result<String> {
        writeln!(self.stdin, "{request}")?;
        self.stdin.flush()?;
        let mut answer = String::new();
        self.stdout.read_line(&mut answer)?;
        if answer.is_empty() {
            return Err(std::io::Error::other("the oracle has ended"));
        }
        answer.truncate(answer.trim_end_matches('\n').len());
        Ok(answer)
    }

    /// Reads what follows an answer.
    pub fn read_text(&mut self, bytes: usize) -> std::io::Result<String> {
        Ok(String::from_utf8_lossy(&self.read_bytes(bytes)?).into_owned())
    }

    /// The same as bytes.
    pub fn read_bytes(&mut self, count: usize) -> std::io::Result<Vec<u8>> {
        let mut bytes = vec![0; count];
        self.stdout.read_exact(&mut bytes)?;
        Ok(bytes)
    }
}

impl Drop for Oracle {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
