//! A terminal whose screen can be read: tmux, with a server of its own.

use super::{HANG, Sandbox, skip};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// A terminal with a shell command in it.
pub struct Screen {
    socket: String,
}

impl Screen {
    /// Run a shell command on a screen of this size; `None` where there is no tmux. In it `$P` is
    /// the command under test and `$PLASMA_STORE` the store of the sandbox.
    pub fn open(test: &str, sandbox: &Sandbox, size: (u16, u16), script: &str) -> Option<Screen> {
        let there = Command::new("tmux").arg("-V").stdout(Stdio::null()).status();
        if !there.is_ok_and(|status| status.success()) {
            skip(test, "there is no tmux");
            return None;
        }
        let screen = Screen { socket: sandbox.path("tmux") };
        let (columns, rows) = (size.0.to_string(), size.1.to_string());
        let shell = ["sh", "-c", script];
        let session = ["-f", "/dev/null", "new-session", "-d", "-x", &columns, "-y", &rows];
        let status = screen
            .tmux(&[&session[..], &shell].concat())
            .env("PLASMA_STORE", sandbox.store())
            .env("P", super::PLASMA)
            .env("LANG", "C.UTF-8")
            .env("LC_ALL", "C.UTF-8")
            .env_remove("TMUX")
            .status();
        assert!(status.unwrap().success());
        Some(screen)
    }

    fn tmux(&self, args: &[&str]) -> Command {
        let mut command = Command::new("tmux");
        command.arg("-S").arg(&self.socket).arg("-u").args(args);
        command
    }

    /// Press keys, by tmux's names for them.
    pub fn press(&self, keys: &[&str]) {
        let status = self.tmux(&[&["send-keys"], keys].concat()).status();
        assert!(status.unwrap().success());
    }

    /// The text of the screen.
    pub fn text(&self) -> String {
        let output = self.tmux(&["capture-pane", "-p"]).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    }

    /// Wait until the screen meets a condition, and return it.
    pub fn until(&self, what: &str, mut holds: impl FnMut(&str) -> bool) -> String {
        let end = Instant::now() + HANG;
        loop {
            let text = self.text();
            if holds(&text) {
                return text;
            }
            assert!(Instant::now() < end, "no {what} in\n{text}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Wait until these words are on it.
    pub fn shows(&self, words: &str) -> String {
        self.until(words, |text| text.contains(words))
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        let _ = self.tmux(&["kill-server"]).stderr(Stdio::null()).status();
    }
}
