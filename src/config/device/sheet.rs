//! Devices from a sheet: one a row, with the columns id, name, at and unit or topic.

use crate::config::DeviceAddress;
use crate::config::context::Context;
use crate::config::device::{Devices, Frame, Own};
use crate::config::line::Speaks;
use crate::config::notation::net::topic;
use crate::model::id::Id;
use crate::text::code;
use crate::text::diagnostic::{Diagnostic, say, shown};
use crate::text::record::Record;
use crate::text::sheet::{Cell, Row, rows};
use crate::text::source::{FileIx, Span};
use crate::text::suggest::did_you_mean;
use crate::text::{file, reader};

/// Most rows of one sheet.
const ROWS_MAX: usize = 100_000;
const COLUMNS: [&str; 5] = ["id", "name", "at", "unit", "topic"];

/// Positions of the columns.
struct Columns([Option<usize>; 5]);

impl Columns {
    fn cell<'r, 't>(&self, row: &'r Row<'t>, name: &str) -> Option<&'r Cell<'t>> {
        let column = COLUMNS.iter().position(|c| *c == name)?;
        row.cells.get(self.0.get(column).copied().flatten()?)
    }

    fn has(&self, name: &str) -> bool {
        COLUMNS.iter().position(|c| *c == name).is_some_and(|ix| self.0.get(ix).copied().flatten().is_some())
    }
}

impl Devices<'_, '_> {
    pub(super) fn sheet(&mut self, record: &Record, frame: &Frame, cx: &mut Context<'_>) {
        let Some(path) = record.text("csv") else { return };
        let named = record.span_of("csv");
        let Some(file) = file::read(&self.base.join(path), Some(named), &mut cx.sources, &mut cx.report) else {
            return;
        };
        let text = cx.sources.file(file).map(|f| f.text().clone()).unwrap_or_default();
        let rows = match rows(&text) {
            Ok(rows) => rows,
            Err(fault) => {
                let span = Span::new(file, fault.0..(fault.0 + 1).min(text.len()));
                let help = ("close the quote, or double a quote inside a text", "请补上引号；文本内的引号须写两个");
                cx.error(code::SYNTAX, span, ("a quote that is not closed", "引号没有闭合"), help);
                return;
            }
        };
        let Some((head, body)) = rows.split_first() else {
            let help = ("the first line names the columns: id,name,at,unit", "首行为列名：id,name,at,unit");
            cx.error(code::SHEET, Span::new(file, 0..0), ("the sheet is empty", "表格为空"), help);
            return;
        };
        let Some(columns) = columns(head, file, frame.speaks, cx) else { return };
        for row in body.iter().take(ROWS_MAX) {
            self.row(row, &columns, file, frame, cx);
        }
        if body.len() > ROWS_MAX {
            let help = ("split it over several sites", "请拆分为多个站点");
            cx.error(code::SHEET, named, ("a sheet has at most 100,000 rows", "表格最多 100,000 行"), help);
        }
    }

    fn row(&mut self, row: &Row<'_>, columns: &Columns, file: FileIx, frame: &Frame, cx: &mut Context<'_>) {
        let span = |cell: &Cell<'_>| Span::new(file, cell.range.clone());
        let start = row.cells.first().map_or(0, |c| c.range.start);
        let head = Span::new(file, start..row.cells.last().map_or(start, |c| c.range.end));
        let id = columns.cell(row, "id").filter(|c| !c.text.is_empty());
        let Some(id) = id else {
            cx.error(
                code::MISSING,
                head,
                ("this row has no id", "此行没有标识"),
                ("give it one, like `smoke_3_1201`", "请填写标识，如 `smoke_3_1201`"),
            );
            return;
        };
        if let Err(why) = Id::new(&id.text) {
            cx.report.add(reader::bad_id(&id.text, &why, span(id)));
        }
        let text = |name: &str| columns.cell(row, name).map_or("", |c| c.text.as_ref());
        for name in ["name", "at"] {
            if text(name).is_empty() {
                let message = (format!("`{name}` is empty in this row"), format!("此行 `{name}` 为空"));
                cx.error(code::MISSING, head, (&message.0, &message.1), ("fill it in", "请填写"));
            }
        }
        let key = if columns.has("unit") && !text("unit").is_empty() { "unit" } else { "topic" };
        let cell = columns.cell(row, key).filter(|c| !c.text.is_empty());
        let address = match cell {
            Some(cell) => address(key, cell, span(cell), cx).map(|address| (address, span(cell))),
            None => {
                let message = ("this row has neither unit nor topic", "此行既无 unit 也无 topic");
                cx.error(code::MISSING, head, message, ("fill one of them in", "请填写其中之一"));
                None
            }
        };
        let own = Own { id: &id.text, id_span: span(id), name: text("name"), at: text("at"), address };
        self.device(own, frame, cx);
    }
}

fn address(key: &str, cell: &Cell<'_>, span: Span, cx: &mut Context<'_>) -> Option<DeviceAddress> {
    if key == "unit" {
        let Ok(unit) = cell.text.parse::<u8>() else {
            let message =
                (format!("`{}` is not a unit id", shown(&cell.text)), format!("`{}` 不是单元号", shown(&cell.text)));
            cx.error(
                code::RANGE,
                span,
                (&message.0, &message.1),
                ("write a whole number from 0 to 255", "请写 0 到 255 的整数"),
            );
            return None;
        };
        return Some(DeviceAddress::Unit(unit));
    }
    match topic(&cell.text, false) {
        Ok(()) => Some(DeviceAddress::Topic(cell.text.to_string())),
        Err(complaint) => {
            cx.report.add(Diagnostic::error(code::NOTATION, span, complaint.message).help(complaint.help));
            None
        }
    }
}

/// The columns by the first row; complains about unknown and missing ones.
fn columns(head: &Row<'_>, file: FileIx, speaks: Option<Speaks>, cx: &mut Context<'_>) -> Option<Columns> {
    let before = cx.report.errors();
    let mut columns = Columns([None; 5]);
    for (at, cell) in head.cells.iter().enumerate() {
        let span = Span::new(file, cell.range.clone());
        match COLUMNS.iter().position(|c| *c == cell.text) {
            Some(ix) => {
                if let Some(slot) = columns.0.get_mut(ix)
                    && slot.replace(at).is_some()
                {
                    let help = ("remove one of the two", "请删除其中一列");
                    cx.error(code::SHEET, span, ("this column stands twice", "此列出现两次"), help);
                }
            }
            None if cell.text.is_empty() => {}
            None => {
                let message =
                    say(format!("unknown column `{}`", shown(&cell.text)), format!("未知的列 `{}`", shown(&cell.text)));
                cx.report
                    .add(Diagnostic::error(code::SHEET, span, message).maybe_help(did_you_mean(&cell.text, COLUMNS)));
            }
        }
    }
    let head_span = Span::new(file, 0..head.cells.last().map_or(0, |c| c.range.end));
    let address = match speaks {
        Some(Speaks::Mqtt { .. }) => "topic",
        _ => "unit",
    };
    for name in ["id", "name", "at"] {
        if !columns.has(name) && cx.report.errors() == before {
            missing(name, head_span, cx);
        }
    }
    if !columns.has("unit") && !columns.has("topic") && cx.report.errors() == before {
        missing(address, head_span, cx);
    }
    (cx.report.errors() == before).then_some(columns)
}

fn missing(name: &str, span: Span, cx: &mut Context<'_>) {
    let message = (format!("the sheet has no column `{name}`"), format!("表格没有 `{name}` 列"));
    let help =
        ("the first line names the columns: id,name,at,unit (or topic)", "首行为列名：id,name,at,unit（或 topic）");
    cx.error(code::SHEET, span, (&message.0, &message.1), help);
}
