//! A model as a picture.

use std::fmt::Write;

use burn::module::Module;

/// One block of a model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockNode {
    /// Name, unique in the model.
    pub name: String,
    /// Shape of its output, such as `[cells, 400, 128]`.
    pub output: String,
    /// Learned numbers in it.
    pub n_params: usize,
}

/// Named blocks and the data that flow between them.
///
/// ```
/// use fusion_core::ModelGraph;
/// let mut g = ModelGraph::default();
/// let a = g.node("input", "[cells, 10]", 0, &[]);
/// g.node("linear", "[cells, 2]", 22, &[a]);
/// assert!(g.to_mermaid().contains("input --> linear"));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ModelGraph {
    /// The blocks.
    pub nodes: Vec<BlockNode>,
    /// From and to, as places in `nodes`.
    pub edges: Vec<(usize, usize)>,
}

impl ModelGraph {
    /// Adds a block fed by `inputs`; returns its place.
    pub fn node(
        &mut self,
        name: impl Into<String>,
        output: impl Into<String>,
        n_params: usize,
        inputs: &[usize],
    ) -> usize {
        let place = self.nodes.len();
        self.nodes.push(BlockNode {
            name: name.into(),
            output: output.into(),
            n_params,
        });
        self.edges.extend(inputs.iter().map(|&i| (i, place)));
        place
    }

    /// Adds a block whose parameters are counted from the module.
    pub fn block<M: Module>(
        &mut self,
        name: impl Into<String>,
        output: impl Into<String>,
        module: &M,
        inputs: &[usize],
    ) -> usize {
        self.node(name, output, module.num_params(), inputs)
    }

    /// Learned numbers in all blocks.
    pub fn n_params(&self) -> usize {
        self.nodes.iter().map(|n| n.n_params).sum()
    }

    /// A Mermaid flow chart.
    pub fn to_mermaid(&self) -> String {
        let mut out = String::from("flowchart LR\n");
        for n in &self.nodes {
            let _ = writeln!(out, "  {}[\"{}\"]", id(&n.name), label(n, "<br/>"));
        }
        for &(a, b) in &self.edges {
            let _ = writeln!(
                out,
                "  {} --> {}",
                id(&self.nodes[a].name),
                id(&self.nodes[b].name)
            );
        }
        out
    }

    /// A Graphviz graph.
    pub fn to_dot(&self) -> String {
        let mut out = String::from("digraph model {\n  rankdir=LR; node [shape=box];\n");
        for n in &self.nodes {
            let _ = writeln!(out, "  {} [label=\"{}\"];", id(&n.name), label(n, "\\n"));
        }
        for &(a, b) in &self.edges {
            let _ = writeln!(
                out,
                "  {} -> {};",
                id(&self.nodes[a].name),
                id(&self.nodes[b].name)
            );
        }
        out + "}\n"
    }
}

fn id(name: &str) -> String {
    name.chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '_' })
        .collect()
}

fn label(n: &BlockNode, newline: &str) -> String {
    match n.n_params {
        0 => format!("{}{newline}{}", n.name, n.output),
        p => format!("{}{newline}{}{newline}{p} parameters", n.name, n.output),
    }
}
