//! A door for programs on this machine: a socket in the file system. Who may come through is what its permissions say.

use std::fs;
use std::future::Future;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::UnixStream as Probe;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio::net::{UnixListener, UnixStream};

use crate::house::House;
use crate::listen::Bounds;
use crate::metrics::Door;

/// The door, opened and not yet at work. Its file goes with it.
pub(crate) struct LocalDoor {
    listener: UnixListener,
    path: PathBuf,
    /// The file's number: what lies there later may be somebody else's.
    inode: u64,
}

impl Drop for LocalDoor {
    fn drop(&mut self) {
        if fs::symlink_metadata(&self.path).is_ok_and(|found| found.ino() == self.inode) {
            // Whoever comes next removes what is left.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Opens a socket at `path` for whom `mode` lets. What a process that died has left there is removed; anything else is not.
///
/// # Errors
/// Somebody listens there, something else lies there, or it cannot be made.
pub(crate) fn open(path: &Path, mode: u32) -> anyhow::Result<LocalDoor> {
    let failed = || format!("lmtp.socket: {} (không mở được socket)", path.display());
    if let Ok(found) = fs::symlink_metadata(path) {
        anyhow::ensure!(found.file_type().is_socket(), "{}: no socket lies there", failed());
        anyhow::ensure!(Probe::connect(path).is_err(), "{}: somebody listens there", failed());
    }
    // Made beside and moved, so that nobody connects before the permissions hold.
    let mut draft = path.as_os_str().to_owned();
    draft.push(".new");
    let draft = PathBuf::from(draft);
    if fs::symlink_metadata(&draft).is_ok_and(|found| found.file_type().is_socket()) {
        fs::remove_file(&draft).with_context(failed)?;
    }
    let listener = UnixListener::bind(&draft).with_context(failed)?;
    fs::set_permissions(&draft, fs::Permissions::from_mode(mode)).with_context(failed)?;
    fs::rename(&draft, path).with_context(failed)?;
    let inode = fs::symlink_metadata(path).with_context(failed)?.ino();
    Ok(LocalDoor { listener, path: path.to_owned(), inode })
}

/// Sets the door to work: each connection is handed to `serve`, until the house stops.
pub(crate) fn attend<F, S>(house: &House, door: LocalDoor, name: &'static str, bounds: &Arc<Bounds>, serve: F)
where
    F: Fn(UnixStream) -> S + Clone + Send + 'static,
    S: Future<Output = ()> + Send + 'static,
{
    let (bounds, stop, inside) = (bounds.clone(), house.stop.clone(), house.inside.clone());
    let open = house.metrics.connections.get_or_create(&Door { door: name }).clone();
    house.inside.spawn(async move {
        loop {
            // A place first, then a connection: what waits, waits in the kernel's queue.
            let Some(place) = bounds.place().await else { return };
            let accepted = tokio::select! {
                () = stop.cancelled() => return,
                accepted = door.listener.accept() => accepted,
            };
            let stream = match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    tracing::warn!(door = name, "could not accept a connection: {error}");
                    let pause = tokio::time::sleep(Duration::from_millis(50));
                    tokio::select! { () = stop.cancelled() => return, () = pause => continue }
                }
            };
            let (open, serve) = (open.clone(), serve.clone());
            inside.spawn(async move {
                open.inc();
                serve(stream).await;
                open.dec();
                drop(place);
            });
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_socket_that_nobody_holds_is_replaced_and_nothing_else_is() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("lmtp.sock");
        let door = open(&path, 0o600).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let told = format!("{:#}", open(&path, 0o600).err().unwrap());
        assert!(told.contains("somebody listens"), "{told}");
        drop(door);
        assert!(!path.exists(), "the file goes with the door");
        // A process that was killed leaves its file.
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        assert!(path.exists());
        drop(open(&path, 0o660).unwrap());
        fs::write(&path, "a file").unwrap();
        let told = format!("{:#}", open(&path, 0o600).err().unwrap());
        assert!(told.contains("no socket"), "{told}");
        assert_eq!(fs::read(&path).unwrap(), b"a file");
    }
}
