//! A module's tensors by name: reading them out, replacing them, and what goes wrong.
//!
//! Names are paths of field names, as torchvision's state dictionaries: the variants of enums and
//! the `layers` list of a projector do not appear in them. Everything that must not depend on an
//! engine's generated identities (optimizer state, checkpoints, collectives) goes by these names.

use std::collections::BTreeMap;

use barlow_weights::tensor_file::{Array, Tensors};
use burn::module::{Module, ModuleMapper, ModuleVisitor, Param, ParamId};
use burn::tensor::{Gradients, Tensor, TensorData};

/// Follows a traversal and knows the name of where it is.
#[derive(Debug, Default)]
struct Path {
    parts: Vec<Option<String>>,
}

impl Path {
    fn enter(&mut self, name: &str, container: &str) {
        let hidden = container.starts_with("Enum:") || name == "layers";
        self.parts.push((!hidden).then(|| name.to_owned()));
    }

    fn exit(&mut self) {
        self.parts.pop();
    }

    fn name(&self) -> String {
        let parts: Vec<&str> = self.parts.iter().flatten().map(String::as_str).collect();
        parts.join(".")
    }
}

macro_rules! follow_path {
    () => {
        fn enter_module(&mut self, name: &str, container: &str) {
            self.path.enter(name, container);
        }

        fn exit_module(&mut self, _name: &str, _container: &str) {
            self.path.exit();
        }
    };
}

/// Calls `visit` with the name, the parameter's identity, its value and whether it is trained.
struct Visitor<F> {
    path: Path,
    visit: F,
}

/// One tensor of a module, flattened, which loses nothing but its shape.
#[derive(Debug, Clone)]
pub struct NamedTensor {
    /// The engine's identity of the parameter.
    pub id: ParamId,
    /// Its length in each dimension.
    pub shape: Vec<usize>,
    /// Whether it is trained (running statistics are not).
    pub is_trained: bool,
    /// Its values, on its device, outside any gradient graph.
    pub values: Tensor<1>,
}

impl<F: FnMut(String, NamedTensor)> ModuleVisitor for Visitor<F> {
    follow_path!();

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let tensor = param.val();
        let named = NamedTensor {
            id: param.id,
            shape: tensor.dims().to_vec(),
            is_trained: tensor.is_require_grad(),
            values: tensor.inner().flatten(0, D - 1),
        };
        (self.visit)(self.path.name(), named);
    }
}

/// Every tensor of a module by name, sorted.
pub fn tensors(module: &impl Module) -> BTreeMap<String, NamedTensor> {
    let mut all = BTreeMap::new();
    let mut visitor = Visitor {
        path: Path::default(),
        visit: |name, tensor| {
            all.insert(name, tensor);
        },
    };
    module.visit(&mut visitor);
    all
}

/// Every tensor of a module as arrays in memory, the names behind `prefix`.
pub fn arrays(module: &impl Module, prefix: &str) -> Tensors {
    let array = |tensor: NamedTensor| array(tensor.values, &tensor.shape);
    tensors(module)
        .into_iter()
        .map(|(name, tensor)| (format!("{prefix}{name}"), array(tensor)))
        .collect()
}

/// A tensor's values as an array of 32-bit floats.
///
/// # Panics
/// If the device cannot give the values back.
pub fn array(values: Tensor<1>, shape: &[usize]) -> Array {
    let values = values.into_data().convert::<f32>();
    let values = values.as_slice::<f32>().expect("converted to f32 above");
    Array::from_f32(shape, values).expect("a tensor has as many values as its shape says")
}

/// Replaces tensors one by one: `map` gets the name and the value and returns a new value or `None`.
struct Mapper<F> {
    path: Path,
    map: F,
}

impl<F: FnMut(&str, &NamedTensor) -> Option<Tensor<1>>> ModuleMapper for Mapper<F> {
    follow_path!();

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let name = self.path.name();
        let id = param.id;
        param.map(|tensor| {
            let dims = tensor.dims();
            let (is_trained, is_autodiff) = (tensor.is_require_grad(), tensor.is_autodiff());
            let old = NamedTensor {
                id,
                shape: dims.to_vec(),
                is_trained,
                values: tensor.clone().inner().flatten(0, D - 1),
            };
            let Some(values) = (self.map)(&name, &old) else { return tensor };
            let value = values.reshape(dims);
            let value = if is_autodiff { value.autodiff() } else { value };
            if is_trained { value.require_grad() } else { value }
        })
    }
}

/// A module with some tensors replaced by what `map` returns for them, of the same length.
pub fn replace<M: Module>(
    module: M,
    map: impl FnMut(&str, &NamedTensor) -> Option<Tensor<1>>,
) -> M {
    module.map(&mut Mapper { path: Path::default(), map })
}

/// Why arrays are not the weights of a module. Each list holds names, or `name: found, expected`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the weights do not fit: {} missing{}, {} not used{}, {} of another shape{}",
    missing.len(), examples(missing), unused.len(), examples(unused),
    misshaped.len(), examples(misshaped)
)]
pub struct WeightsMismatch {
    /// Tensors the module has and the arrays do not.
    pub missing: Vec<String>,
    /// Arrays the module has no tensor for.
    pub unused: Vec<String>,
    /// Tensors of another shape or type than the module's.
    pub misshaped: Vec<String>,
}

fn examples(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [one] => format!(" (`{one}`)"),
        [first, .., last] => format!(" (`{first}` to `{last}`)"),
    }
}

/// The module with the values of all arrays whose names begin with `prefix`.
///
/// # Errors
/// Names every tensor that is missing, unused or of another shape; nothing is loaded then.
pub fn load<M: Module>(module: M, arrays: &Tensors, prefix: &str) -> Result<M, WeightsMismatch> {
    let mut mismatch = WeightsMismatch { missing: vec![], unused: vec![], misshaped: vec![] };
    let wanted = tensors(&module);
    let mut values = BTreeMap::new();
    for (name, tensor) in &wanted {
        match arrays.get(&format!("{prefix}{name}")) {
            None => mismatch.missing.push(name.clone()),
            Some(array) => match array.to_f32() {
                Ok(found) if array.shape == tensor.shape => {
                    values.insert(name.clone(), found);
                }
                _ => mismatch.misshaped.push(format!(
                    "{name}: {:?} {:?}, expected {:?}",
                    array.dtype, array.shape, tensor.shape
                )),
            },
        }
    }
    let names = arrays.keys().filter_map(|name| name.strip_prefix(prefix));
    mismatch.unused = names.filter(|name| !wanted.contains_key(*name)).map(str::to_owned).collect();
    if mismatch.missing.is_empty() && mismatch.unused.is_empty() && mismatch.misshaped.is_empty() {
        Ok(replace(module, |name, old| {
            let values = values.remove(name)?;
            let length = [values.len()];
            Some(Tensor::from_data(TensorData::new(values, length), &old.values.device()))
        }))
    } else {
        Err(mismatch)
    }
}

/// Collects the gradients of trained tensors.
struct GradientVisitor<'a> {
    path: Path,
    gradients: &'a Gradients,
    found: BTreeMap<String, Tensor<1>>,
}

impl ModuleVisitor for GradientVisitor<'_> {
    follow_path!();

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(gradient) = param.val().grad(self.gradients) {
            self.found.insert(self.path.name(), gradient.flatten(0, D - 1));
        }
    }
}

/// The gradient of each trained tensor that took part, by name, flattened.
pub fn gradients(module: &impl Module, gradients: &Gradients) -> BTreeMap<String, Tensor<1>> {
    let mut visitor = GradientVisitor { path: Path::default(), gradients, found: BTreeMap::new() };
    module.visit(&mut visitor);
    visitor.found
}
