//! From CEL text to the typed tree. The only file that names the `cel` crate (besides the tests beside it).

use std::ops::Range;
use std::sync::Arc;

use cel::common::ast::{CallExpr, Expr as Cel, IdedExpr, LiteralValue, SourceInfo, operators as op};
use cel::parser::{ParseErrors, Parser};

use crate::rules::expr::eval::{Arithmetic, Comparison, Node, Number, Truth};
use crate::rules::expr::fault::{self, ExprFault};
use crate::rules::expr::{Expr, TEXT_LEN_MAX, VarKind};

pub(super) fn compile(text: &str, resolve: &mut dyn FnMut(&str) -> Option<VarKind>) -> Result<Expr, ExprFault> {
    if text.len() > TEXT_LEN_MAX {
        let message = format!("the expression is longer than {TEXT_LEN_MAX} bytes");
        return Err(ExprFault::new(message, "split it into several rules or derived points", 0..text.len()));
    }
    if let Some(slip) = fault::slip(text) {
        return Err(slip);
    }
    if let Some(absurd) = fault::absurd(text) {
        return Err(absurd);
    }
    let parsed = parse(text)?;
    let (tree, places) = parsed.map_err(|errors| {
        let pos = errors.errors.first().map_or((1, 1), |e| e.pos);
        fault::syntax(text, offset(text, pos))
    })?;
    let mut builder = Builder { text, places, resolve, vars: Vec::new(), hour: false };
    let node = builder.node(&tree)?;
    Ok(Expr { source: Arc::from(text), vars: builder.vars, node, hour: builder.hour })
}

/// The parser recurses some twenty calls per bracket, with frames of kilobytes in a debug build: it gets a stack of its own.
const PARSER_STACK_BYTES: usize = 32 << 20;

fn parse(text: &str) -> Result<Result<(IdedExpr, SourceInfo), ParseErrors>, ExprFault> {
    let refuse = || ExprFault::new("this expression is too much for the parser", "make it simpler", 0..text.len());
    std::thread::scope(|scope| {
        let parser = std::thread::Builder::new().stack_size(PARSER_STACK_BYTES);
        let running =
            parser.spawn_scoped(scope, || Parser::new().parse_with_source_info(text)).map_err(|_| refuse())?;
        running.join().map_err(|_| refuse())
    })
}

/// Byte offset of the parser's `(line, column)`, both from 1.
fn offset(text: &str, (line, column): (isize, isize)) -> usize {
    let lines_before = usize::try_from(line - 1).unwrap_or(0);
    let start: usize = text.split_inclusive('\n').take(lines_before).map(str::len).sum();
    start + usize::try_from(column - 1).unwrap_or(0)
}

struct Builder<'a> {
    text: &'a str,
    places: SourceInfo,
    resolve: &'a mut dyn FnMut(&str) -> Option<VarKind>,
    vars: Vec<Arc<str>>,
    hour: bool,
}

impl Builder<'_> {
    /// The place of the token that stands for a node (texts are ASCII by now, so characters are bytes).
    fn place(&self, of: &IdedExpr) -> Range<usize> {
        let (from, to) = self.places.offset_for(of.id).unwrap_or((0, 0));
        let end = (to as usize + 1).min(self.text.len());
        (from as usize).min(end)..end
    }

    fn refuse<T>(&self, of: &IdedExpr, message: impl Into<String>, help: impl Into<String>) -> Result<T, ExprFault> {
        Err(ExprFault::new(message, help, self.place(of)))
    }

    fn node(&mut self, tree: &IdedExpr) -> Result<Node, ExprFault> {
        match &tree.expr {
            Cel::Literal(value) => self.literal(tree, value),
            Cel::Ident(name) => self.variable(tree, name),
            Cel::Select(_) => match dotted(tree) {
                Some(name) => self.variable(tree, &name),
                None => self.refuse(tree, "a `.` belongs between a device and a point", "write `device.point`"),
            },
            Cel::Call(call) => self.call(tree, call),
            _ => {
                self.refuse(tree, "lists, maps and macros are not offered here", "use numbers, switches and `&&`, `||`")
            }
        }
    }

    fn literal(&self, tree: &IdedExpr, value: &LiteralValue) -> Result<Node, ExprFault> {
        match value {
            LiteralValue::Boolean(b) => Ok(Node::Truth(Truth::Constant(*b.inner()))),
            LiteralValue::Double(v) if v.inner().is_finite() => Ok(Node::Number(Number::Constant(*v.inner()))),
            LiteralValue::Int(v) => Ok(Node::Number(Number::Constant(*v.inner() as f64))),
            LiteralValue::UInt(v) => Ok(Node::Number(Number::Constant(*v.inner() as f64))),
            LiteralValue::Double(_) => self.refuse(tree, "this number is too large", ""),
            LiteralValue::String(_) | LiteralValue::Bytes(_) | LiteralValue::Null => self.refuse(
                tree,
                "texts and null are not offered here",
                "compare an enumeration with its number: `mode == 2`",
            ),
        }
    }

    fn variable(&mut self, tree: &IdedExpr, name: &str) -> Result<Node, ExprFault> {
        let Some(kind) = (self.resolve)(name) else {
            return Err(self.unknown(tree, name));
        };
        let known = self.vars.iter().position(|v| **v == *name);
        let ix = known.unwrap_or_else(|| {
            self.vars.push(Arc::from(name));
            self.vars.len() - 1
        });
        let slot = u32::try_from(ix).expect("fewer variables than characters");
        Ok(match kind {
            VarKind::Number => Node::Number(Number::Slot(slot)),
            VarKind::Switch => Node::Truth(Truth::Switch(slot)),
        })
    }

    /// The text around an unknown name may show a hyphenated id.
    fn unknown(&self, tree: &IdedExpr, name: &str) -> ExprFault {
        let place = self.name_place(tree, name);
        let before = self.text.get(..place.start).unwrap_or_default();
        let after = self.text.get(place.end..).unwrap_or_default();
        let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let joined_after = after.strip_prefix('-').is_some_and(|rest| rest.starts_with(word));
        let joined_before = before.strip_suffix('-').is_some_and(|rest| rest.ends_with(word));
        if joined_after || joined_before {
            let message = format!("nothing is called `{name}`, and `-` is a subtraction here, not part of an id");
            return ExprFault {
                unknown: Some(name.to_owned()),
                ..ExprFault::new(message, "ids are written with `_`: `b3_meter.flow`", place)
            };
        }
        fault::unknown_name(name, place)
    }

    /// The whole dotted name: the parser's place for a selection is its dot.
    fn name_place(&self, tree: &IdedExpr, name: &str) -> Range<usize> {
        let mut root = tree;
        while let Cel::Select(select) = &root.expr {
            root = &select.operand;
        }
        let start = self.place(root).start;
        if self.text.get(start..).is_some_and(|rest| rest.starts_with(name)) {
            start..start + name.len()
        } else {
            self.place(tree)
        }
    }

    fn call(&mut self, tree: &IdedExpr, call: &CallExpr) -> Result<Node, ExprFault> {
        if call.target.is_some() {
            return self.refuse(
                tree,
                format!("`.{}(…)` is not offered here", call.func_name),
                "functions are `hour()`, `abs(x)`, `min(a, b)`, `max(a, b)`",
            );
        }
        let args = call.args.as_slice();
        match (call.func_name.as_str(), args) {
            (op::LOGICAL_AND, [a, b]) => Ok(Node::Truth(Truth::And(Box::new((self.truth(a)?, self.truth(b)?))))),
            (op::LOGICAL_OR, [a, b]) => Ok(Node::Truth(Truth::Or(Box::new((self.truth(a)?, self.truth(b)?))))),
            (op::LOGICAL_NOT, [a]) => Ok(Node::Truth(Truth::Not(Box::new(self.truth(a)?)))),
            (op::NEGATE, [a]) => Ok(Node::Number(Number::Negate(Box::new(self.number(a)?)))),
            (op::CONDITIONAL, [c, a, b]) => self.choice(c, a, b),
            (op::EQUALS, [a, b]) => self.equal(a, b, false),
            (op::NOT_EQUALS, [a, b]) => self.equal(a, b, true),
            (op::LESS, [a, b]) => self.compare(Comparison::Less, a, b),
            (op::LESS_EQUALS, [a, b]) => self.compare(Comparison::LessEqual, a, b),
            (op::GREATER, [a, b]) => self.compare(Comparison::Greater, a, b),
            (op::GREATER_EQUALS, [a, b]) => self.compare(Comparison::GreaterEqual, a, b),
            (op::ADD, [a, b]) => self.arithmetic(Arithmetic::Add, a, b),
            (op::SUBSTRACT, [a, b]) => self.arithmetic(Arithmetic::Subtract, a, b),
            (op::MULTIPLY, [a, b]) => self.arithmetic(Arithmetic::Multiply, a, b),
            (op::DIVIDE, [a, b]) => self.arithmetic(Arithmetic::Divide, a, b),
            (name, _) => self.function(tree, name, args),
        }
    }

    fn function(&mut self, tree: &IdedExpr, name: &str, args: &[IdedExpr]) -> Result<Node, ExprFault> {
        match (name, args) {
            ("hour", []) => {
                self.hour = true;
                Ok(Node::Number(Number::Hour))
            }
            ("abs", [a]) => Ok(Node::Number(Number::Abs(Box::new(self.number(a)?)))),
            ("min", [first, rest @ ..]) => self.fold(Arithmetic::Min, first, rest),
            ("max", [first, rest @ ..]) => self.fold(Arithmetic::Max, first, rest),
            ("hour" | "abs" | "min" | "max", _) => self.refuse(
                tree,
                format!("`{name}` is called with {} arguments", args.len()),
                "`hour()`, `abs(x)`, `min(a, b)`, `max(a, b)`",
            ),
            (op::MODULO, _) => self.refuse(tree, "`%` is not offered here", ""),
            (op::IN | op::INDEX, _) => {
                self.refuse(tree, "lists are not offered here", "write `mode == 1 || mode == 2`")
            }
            _ => self.refuse(
                tree,
                format!("there is no function `{name}`"),
                "functions are `hour()`, `abs(x)`, `min(a, b)`, `max(a, b)`",
            ),
        }
    }

    fn fold(&mut self, how: Arithmetic, first: &IdedExpr, rest: &[IdedExpr]) -> Result<Node, ExprFault> {
        let mut all = self.number(first)?;
        for next in rest {
            all = Number::Binary(how, Box::new((all, self.number(next)?)));
        }
        Ok(Node::Number(all))
    }

    fn arithmetic(&mut self, how: Arithmetic, a: &IdedExpr, b: &IdedExpr) -> Result<Node, ExprFault> {
        Ok(Node::Number(Number::Binary(how, Box::new((self.number(a)?, self.number(b)?)))))
    }

    fn compare(&mut self, how: Comparison, a: &IdedExpr, b: &IdedExpr) -> Result<Node, ExprFault> {
        Ok(Node::Truth(Truth::Compare(how, self.number(a)?, self.number(b)?)))
    }

    fn choice(&mut self, asked: &IdedExpr, yes: &IdedExpr, no: &IdedExpr) -> Result<Node, ExprFault> {
        let asked = self.truth(asked)?;
        match (self.node(yes)?, self.node(no)?) {
            (Node::Truth(x), Node::Truth(y)) => Ok(Node::Truth(Truth::Choice(Box::new((asked, x, y))))),
            (Node::Number(x), Node::Number(y)) => Ok(Node::Number(Number::Choice(Box::new((asked, x, y))))),
            _ => self.refuse(no, "both sides of `:` must be of one kind", "two numbers, or two truths"),
        }
    }

    #[allow(clippy::float_cmp)] // the literals 0 and 1
    fn equal(&mut self, a: &IdedExpr, b: &IdedExpr, unequal: bool) -> Result<Node, ExprFault> {
        let negate = |t: Truth| if unequal { Truth::Not(Box::new(t)) } else { t };
        let how = if unequal { Comparison::NotEqual } else { Comparison::Equal };
        Ok(Node::Truth(match (self.node(a)?, self.node(b)?) {
            (Node::Number(x), Node::Number(y)) => Truth::Compare(how, x, y),
            (Node::Truth(x), Node::Truth(y)) => negate(Truth::Same(Box::new((x, y)))),
            // `running == 1`: what everybody writes for a switch.
            (Node::Truth(t), Node::Number(Number::Constant(v)))
            | (Node::Number(Number::Constant(v)), Node::Truth(t))
                if v == 0.0 || v == 1.0 =>
            {
                negate(Truth::Same(Box::new((t, Truth::Constant(v != 0.0)))))
            }
            _ => {
                return self.refuse(
                    b,
                    "a switch cannot equal a number",
                    "a switch is true or false: write `x`, `!x`, `x == 1` or `x == 0`",
                );
            }
        }))
    }

    fn truth(&mut self, tree: &IdedExpr) -> Result<Truth, ExprFault> {
        match self.node(tree)? {
            Node::Truth(t) => Ok(t),
            Node::Number(_) => self.refuse(
                tree,
                "this is a number, and true or false is needed here",
                "compare it: `alarm != 0`, `level > 2`",
            ),
        }
    }

    fn number(&mut self, tree: &IdedExpr) -> Result<Number, ExprFault> {
        match self.node(tree)? {
            Node::Number(n) => Ok(n),
            Node::Truth(_) => {
                self.refuse(tree, "this is true or false, and a number is needed here", "write `(x ? 1 : 0)`")
            }
        }
    }
}

/// `a.b.c` as one name; `None` for a selection on anything else.
fn dotted(tree: &IdedExpr) -> Option<String> {
    match &tree.expr {
        Cel::Ident(name) => Some(name.clone()),
        Cel::Select(select) if !select.test => Some(format!("{}.{}", dotted(&select.operand)?, select.field)),
        _ => None,
    }
}
