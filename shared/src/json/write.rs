use super::Node;

impl Node<'_> {
    /// Laid out over lines, two spaces a level; `None` where that takes more bytes than this.
    pub(crate) fn pretty(&self, bytes_max: usize) -> Option<String> {
        let mut writer = Writer { text: String::new(), bytes_max, indent: Some(0) };
        writer.node(self)?;
        Some(writer.text)
    }

    /// In one line without spaces; `None` where that takes more bytes than this.
    pub(crate) fn compact(&self, bytes_max: usize) -> Option<String> {
        let mut writer = Writer { text: String::new(), bytes_max, indent: None };
        writer.node(self)?;
        Some(writer.text)
    }
}

struct Writer {
    text: String,
    bytes_max: usize,
    indent: Option<usize>,
}

impl Writer {
    fn node(&mut self, node: &Node<'_>) -> Option<()> {
        match node {
            Node::Null => self.put("null"),
            Node::Bool(true) => self.put("true"),
            Node::Bool(false) => self.put("false"),
            Node::Number(digits) => self.put(digits),
            Node::String(raw) => self.string(raw),
            Node::Array(items) => self.items("[", "]", items, Self::node),
            Node::Object(members) => self.items("{", "}", members, |writer, (key, value)| {
                writer.string(key)?;
                writer.put(if writer.indent.is_some() { ": " } else { ":" })?;
                writer.node(value)
            }),
        }
    }

    fn items<T>(
        &mut self,
        open: &str,
        close: &str,
        items: &[T],
        each: impl Fn(&mut Self, &T) -> Option<()>,
    ) -> Option<()> {
        self.put(open)?;
        self.indent = self.indent.map(|level| level + 1);
        for (n, item) in items.iter().enumerate() {
            if n > 0 {
                self.put(",")?;
            }
            self.new_line()?;
            each(self, item)?;
        }
        self.indent = self.indent.map(|level| level - 1);
        if !items.is_empty() {
            self.new_line()?;
        }
        self.put(close)
    }

    fn string(&mut self, raw: &str) -> Option<()> {
        self.put("\"")?;
        self.put(raw)?;
        self.put("\"")
    }

    fn new_line(&mut self) -> Option<()> {
        let Some(level) = self.indent else { return Some(()) };
        self.put("\n")?;
        (0..level).try_for_each(|_| self.put("  "))
    }

    fn put(&mut self, text: &str) -> Option<()> {
        if self.text.len() + text.len() > self.bytes_max {
            return None;
        }
        self.text.push_str(text);
        Some(())
    }
}
