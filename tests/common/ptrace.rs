//! A child that is executed one machine instruction, or one system call, at a time.
#![allow(dead_code)] // each test binary uses a part
#![allow(unsafe_code)] // ptrace and waitpid

use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// A traced child, stopped. It dies with this process, and when it is dropped.
///
/// Only the thread that started it can continue it.
pub struct Traced {
    pid: libc::pid_t,
}

/// The result of continuing a traced child.
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
    /// Starts a program, stopped before its first instruction.
    pub fn start(command: &mut Command) -> io::Result<Traced> {
        let trace_me = || {
            let none = std::ptr::null_mut::<libc::c_void>();
            // Without address space randomization, addresses are the same each time.
            // SAFETY: takes a number.
            unsafe { libc::personality(libc::ADDR_NO_RANDOMIZE as libc::c_ulong) };
            // SAFETY: takes no pointers that it follows, and is a bare system call.
            match unsafe { libc::ptrace(libc::PTRACE_TRACEME, 0, none, none) } {
                0 => Ok(()),
                _ => Err(io::Error::last_os_error()),
            }
        };
        // SAFETY: the closure makes bare system calls, which may be done after a fork.
        unsafe { command.pre_exec(trace_me) };
        // The wait is done here, not by the standard library.
        let traced = Traced { pid: command.spawn()?.id() as libc::pid_t };
        assert_eq!(traced.wait(), Stop::Step, "the stop of an exec");
        traced.ask(libc::PTRACE_SETOPTIONS, libc::PTRACE_O_EXITKILL as usize);
        Ok(traced)
    }

    /// Lets it run until a signal or its end.
    pub fn run(&self) -> Stop {
        self.ask(libc::PTRACE_CONT, 0);
        self.wait()
    }

    /// Lets it run until it enters its next system call, and returns the number of that; `None` when
    /// it has ended.
    #[cfg(target_arch = "x86_64")]
    pub fn next_call(&self) -> Option<i64> {
        self.ask(libc::PTRACE_SYSCALL, 0);
        let entered = self.wait() == Stop::Step;
        let call = entered.then(|| self.registers().orig_rax as i64)?;
        // Its end.
        self.ask(libc::PTRACE_SYSCALL, 0);
        (self.wait() == Stop::Step).then_some(call)
    }

    /// Lets it execute one instruction; a system call is one.
    pub fn step(&self) -> Stop {
        self.ask(libc::PTRACE_SINGLESTEP, 0);
        self.wait()
    }

    /// Returns the address of the next instruction.
    #[cfg(target_arch = "x86_64")]
    pub fn ip(&self) -> u64 {
        self.registers().rip
    }

    /// Runs until the instruction at `address` is the next one. Returns the stop that came before
    /// that, if there was one; the child cannot be used any further then.
    #[cfg(target_arch = "x86_64")]
    pub fn run_to(&self, address: u64) -> Option<Stop> {
        const INT3: u64 = 0xcc;
        let word = self.peek(address);
        self.poke(address, word & !0xff | INT3);
        let stop = self.run();
        let mut registers = if stop == Stop::Step { self.registers() } else { return Some(stop) };
        if registers.rip != address + 1 {
            return Some(stop);
        }
        self.poke(address, word);
        registers.rip = address;
        let (none, registers) = (std::ptr::null_mut::<libc::c_void>(), &raw const registers);
        // SAFETY: `registers` is a live local of the kernel's type.
        let set = unsafe { libc::ptrace(libc::PTRACE_SETREGS, self.pid, none, registers) };
        assert_eq!(set, 0);
        None
    }

    #[cfg(target_arch = "x86_64")]
    fn registers(&self) -> libc::user_regs_struct {
        let mut registers = std::mem::MaybeUninit::<libc::user_regs_struct>::uninit();
        let (none, to) = (std::ptr::null_mut::<libc::c_void>(), registers.as_mut_ptr());
        // SAFETY: there is room for the answer, and it outlives the call.
        let got = unsafe { libc::ptrace(libc::PTRACE_GETREGS, self.pid, none, to) };
        assert_eq!(got, 0);
        // SAFETY: the call succeeded, so it filled the struct.
        unsafe { registers.assume_init() }
    }

    #[cfg(target_arch = "x86_64")]
    fn peek(&self, address: u64) -> u64 {
        let (at, none) = (address as *mut libc::c_void, std::ptr::null_mut::<libc::c_void>());
        // SAFETY: the address is the child's; the kernel checks it.
        unsafe { libc::ptrace(libc::PTRACE_PEEKTEXT, self.pid, at, none) as u64 }
    }

    #[cfg(target_arch = "x86_64")]
    fn poke(&self, address: u64, word: u64) {
        let at = address as *mut libc::c_void;
        // SAFETY: the address is the child's; the kernel checks it, and copies the page.
        let poked = unsafe { libc::ptrace(libc::PTRACE_POKETEXT, self.pid, at, word) };
        assert_eq!(poked, 0);
    }

    /// Kills it with SIGKILL, and waits until it is gone.
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
        // SAFETY: a child of ours that nobody else waits for, so its number is not reused.
        unsafe { libc::kill(self.pid, libc::SIGKILL) };
        while self.wait() != Stop::Ended {}
    }
}
