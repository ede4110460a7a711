//! Reading one file into [`Sources`]. The only I/O of the reader; never reads more than [`BYTES_MAX`], never waits on a pipe.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use crate::text::code;
use crate::text::decode::{self, BYTES_MAX};
use crate::text::diagnostic::{Diagnostic, Report, say};
use crate::text::source::{FileIx, Sources, Span};

/// Reads a file under the name of its path; complains and gives nothing when it cannot be used.
/// `from` is the place that named the file, if one did.
pub fn read(path: &Path, from: Option<Span>, sources: &mut Sources, report: &mut Report) -> Option<FileIx> {
    let name = path.display().to_string();
    let bytes = match bytes(path) {
        Ok(bytes) => bytes,
        Err(fault) => {
            let span = from.unwrap_or_else(|| Span::new(sources.add(&name, ""), 0..0));
            report.add(explain(&fault, &name, span));
            return None;
        }
    };
    match decode::text(&bytes) {
        Ok(text) => Some(sources.add(&name, text)),
        Err(fault) => {
            let at = fault.before.len();
            let file = sources.add(&name, &fault.before);
            report.add(Diagnostic::error(code::ENCODING, Span::new(file, at..at), fault.message).help(fault.help));
            None
        }
    }
}

enum Fault {
    Io(io::Error),
    NotAFile,
    TooLarge,
}

fn bytes(path: &Path) -> Result<Vec<u8>, Fault> {
    let meta = fs::metadata(path).map_err(Fault::Io)?;
    if !meta.is_file() {
        return Err(Fault::NotAFile);
    }
    if meta.len() > BYTES_MAX {
        return Err(Fault::TooLarge);
    }
    let mut bytes = Vec::new();
    // It may grow between the two calls: the limit holds in any case.
    let mut limited = File::open(path).map_err(Fault::Io)?.take(BYTES_MAX + 1);
    limited.read_to_end(&mut bytes).map_err(Fault::Io)?;
    if bytes.len() as u64 > BYTES_MAX { Err(Fault::TooLarge) } else { Ok(bytes) }
}

fn explain(fault: &Fault, name: &str, span: Span) -> Diagnostic {
    match fault {
        Fault::TooLarge => Diagnostic::error(
            code::FILE_SIZE,
            span,
            say(
                format!("{name} is larger than 16 MiB; no configuration is"),
                format!("{name} 超过 16 MiB，不可能是配置文件"),
            ),
        )
        .help(say("is this the right file?", "请确认文件是否正确")),
        Fault::NotAFile => Diagnostic::error(
            code::FILE,
            span,
            say(format!("{name} is not a regular file"), format!("{name} 不是普通文件")),
        )
        .help(say("give the path of a file", "请给出文件路径")),
        Fault::Io(why) => {
            let help = match why.kind() {
                io::ErrorKind::NotFound => say(
                    "check the path; it starts at the folder of the file that names it",
                    "请检查路径；相对路径从引用它的文件所在目录算起",
                ),
                io::ErrorKind::PermissionDenied => {
                    say("give the user that runs gatehouse the right to read it", "请给运行 gatehouse 的用户读取权限")
                }
                _ => say("check the disk and the path", "请检查磁盘与路径"),
            };
            let message = say(format!("{name} cannot be read: {why}"), format!("{name} 无法读取：{why}"));
            Diagnostic::error(code::FILE, span, message).help(help)
        }
    }
}
