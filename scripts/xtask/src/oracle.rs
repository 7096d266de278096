//! The CPython that everything is compared with: `PYRT_ORACLE`, else `cpython3.14`, else `python3.14`.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// The oracle's command.
pub fn command() -> String {
    if let Ok(command) = std::env::var("PYRT_ORACLE") {
        return command;
    }
    let works = |name: &str| {
        Command::new(name).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|s| s.success())
    };
    ["cpython3.14", "python3.14"].into_iter().find(|name| works(name)).unwrap_or("python3.14").to_owned()
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
