//! A child that is executed one machine instruction at a time.
#![allow(unsafe_code)] // ptrace and waitpid

use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// A traced child, stopped. It dies with this process, and when it is dropped.
///
/// The kernel lets only the thread that started it go on with it.
pub struct Traced {
    pid: libc::pid_t,
}

/// What a traced child came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// It executed an instruction.
    Step,
    /// A signal is about to be delivered to it.
    Signal(i32),
    /// It has ended.
    Ended,
}

impl Traced {
    /// Start a program, stopped before its first instruction.
    pub fn start(command: &mut Command) -> io::Result<Traced> {
        let trace_me = || {
            let none = std::ptr::null_mut::<libc::c_void>();
            // SAFETY: takes no pointers that it follows, and is a bare system call.
            match unsafe { libc::ptrace(libc::PTRACE_TRACEME, 0, none, none) } {
                0 => Ok(()),
                _ => Err(io::Error::last_os_error()),
            }
        };
        // SAFETY: the closure makes one system call, which may be done after a fork.
        unsafe { command.pre_exec(trace_me) };
        // Waited for here, not through the standard library.
        let traced = Traced { pid: command.spawn()?.id() as libc::pid_t };
        assert_eq!(traced.wait(), Stop::Step, "the stop of an exec");
        traced.ask(libc::PTRACE_SETOPTIONS, libc::PTRACE_O_EXITKILL as usize);
        Ok(traced)
    }

    /// Let it run until a signal or its end.
    pub fn run(&self) -> Stop {
        self.ask(libc::PTRACE_CONT, 0);
        self.wait()
    }

    /// Let it execute one instruction; a system call is one.
    pub fn step(&self) -> Stop {
        self.ask(libc::PTRACE_SINGLESTEP, 0);
        self.wait()
    }

    /// SIGKILL, and wait until it is gone.
    pub fn kill(self) {}

    fn ask(&self, request: libc::c_uint, data: usize) {
        let none = std::ptr::null_mut::<libc::c_void>();
        // SAFETY: these requests take numbers; a child that was killed is not found, which is
        // seen by the wait that follows.
        unsafe { libc::ptrace(request, self.pid, none, data) };
    }

    fn wait(&self) -> Stop {
        let mut status = 0;
        // SAFETY: `status` is a live local.
        let waited = unsafe { libc::waitpid(self.pid, &raw mut status, 0) };
        if waited != self.pid || !libc::WIFSTOPPED(status) {
            return Stop::Ended;
        }
        match libc::WSTOPSIG(status) {
            libc::SIGTRAP => Stop::Step,
            signal => Stop::Signal(signal),
        }
    }
}

impl Drop for Traced {
    fn drop(&mut self) {
        // SAFETY: a child of ours that nobody else waits for: its number is not another's.
        unsafe { libc::kill(self.pid, libc::SIGKILL) };
        while self.wait() != Stop::Ended {}
    }
}
