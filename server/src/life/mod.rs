//! The process as its surroundings see it: in the background or not, its PID file, its supervisor,
//! its title in `ps`.

mod daemon;
mod pidfile;
mod supervise;
mod title;

pub use daemon::daemonize;
pub use pidfile::PidFile;
pub use supervise::Supervision;
pub use title::{make_room_for_title, set_title, title};
