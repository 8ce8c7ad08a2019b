//! The doorbell of a link: a file descriptor that becomes readable when there is something to receive.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

use crate::control::Arming;

pub(crate) struct Bell {
    /// What pollers watch.
    read: OwnedFd,
    /// The other end of the pipe, where there is no eventfd.
    write: Option<OwnedFd>,
    arming: Arming,
}

impl Bell {
    pub(crate) fn new() -> io::Result<Self> {
        let (read, write) = open()?;
        let arming = Arming::default();
        Ok(Self { read, write, arming })
    }

    pub(crate) fn fd(&self) -> RawFd {
        self.read.as_raw_fd()
    }

    /// From now on the next `ring` rings; look for data again after it.
    pub(crate) fn arm(&self) {
        self.arming.arm(|| self.drain());
    }

    /// There was data: nobody is going to wait.
    pub(crate) fn disarm(&self) {
        self.arming.disarm();
    }

    /// There is data. Rings once for each time that it was armed.
    pub(crate) fn ring(&self) {
        self.arming.ring(|| self.write_one());
    }

    /// Rings, for one who sleeps and was found so elsewhere.
    pub(crate) fn ring_now(&self) {
        if self.write.is_some() {
            self.drain(); // a pipe would fill up: its reader never reads
        }
        self.write_one();
    }

    fn write_one(&self) {
        let one = 1_u64.to_ne_bytes();
        let fd = self.write.as_ref().unwrap_or(&self.read).as_raw_fd();
        // It can only fail when it is full, and then it rings already.
        // SAFETY: the descriptor is ours, and 8 bytes are read from `one`.
        unsafe { libc::write(fd, one.as_ptr().cast(), one.len()) };
    }

    fn drain(&self) {
        let mut buffer = [0_u8; 64];
        // An eventfd is empty after one read; a pipe holds at most a few rings.
        // SAFETY: the descriptor is ours and does not block; 64 bytes are written to `buffer` at most.
        unsafe { libc::read(self.read.as_raw_fd(), buffer.as_mut_ptr().cast(), buffer.len()) };
    }
}

#[cfg(target_os = "linux")]
fn open() -> io::Result<(OwnedFd, Option<OwnedFd>)> {
    // SAFETY: no memory is involved.
    let fd = unsafe { libc::eventfd(0, libc::EFD_NONBLOCK | libc::EFD_CLOEXEC) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: it has just been opened, and nobody else has it.
    Ok((unsafe { OwnedFd::from_raw_fd(fd) }, None))
}

#[cfg(not(target_os = "linux"))]
fn open() -> io::Result<(OwnedFd, Option<OwnedFd>)> {
    let mut ends = [0; 2];
    // SAFETY: two descriptors are written to `ends`.
    if unsafe { libc::pipe(ends.as_mut_ptr()) } != 0 {
        return Err(io::Error::last_os_error());
    }
    for fd in ends {
        // SAFETY: no memory is involved.
        unsafe {
            libc::fcntl(fd, libc::F_SETFD, libc::FD_CLOEXEC);
            libc::fcntl(fd, libc::F_SETFL, libc::O_NONBLOCK);
        }
    }
    // SAFETY: they have just been opened, and nobody else has them.
    let [read, write] = ends.map(|fd| unsafe { OwnedFd::from_raw_fd(fd) });
    Ok((read, Some(write)))
}
