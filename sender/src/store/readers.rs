//! Connections that read beside the writer.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use rusqlite::{Connection, OpenFlags};

use super::StoreError;

/// Idle connections kept: a page and a worker read at once, rarely more.
const IDLE_MAX: usize = 4;

/// Where queries run.
#[derive(Debug)]
pub(super) enum Readers {
    /// On the writer's connection.
    Writer,
    /// On connections of their own.
    Pool(Pool),
}

#[derive(Debug)]
pub(super) struct Pool {
    file: PathBuf,
    idle: Mutex<Option<Vec<Connection>>>,
}

impl Readers {
    pub(super) fn pool(file: PathBuf) -> Self {
        Self::Pool(Pool { file, idle: Mutex::new(Some(Vec::new())) })
    }

    /// Runs a query on an idle connection, or on a new one. Blocks.
    pub(super) fn run<T>(
        &self,
        query: impl FnOnce(&Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let Self::Pool(pool) = self else { return Err(StoreError::Closed) };
        let connection = pool.take()?;
        let result = query(&connection);
        pool.give_back(connection);
        result
    }

    /// Lets go of the idle connections, and refuses queries from now on.
    pub(super) fn close(&self) {
        if let Self::Pool(pool) = self {
            pool.idle.lock().unwrap_or_else(PoisonError::into_inner).take();
        }
    }
}

impl Pool {
    fn take(&self) -> Result<Connection, StoreError> {
        let idle = match &mut *self.idle.lock().unwrap_or_else(PoisonError::into_inner) {
            None => return Err(StoreError::Closed),
            Some(idle) => idle.pop(),
        };
        match idle {
            Some(connection) => Ok(connection),
            None => {
                let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
                Ok(Connection::open_with_flags(&self.file, flags)?)
            }
        }
    }

    fn give_back(&self, connection: Connection) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(idle) = &mut *idle
            && idle.len() < IDLE_MAX
        {
            idle.push(connection);
        }
    }
}
