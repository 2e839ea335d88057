//! Loading: defaults, file, environment; merge; walk; complete; deserialize; validate.

use std::path::{Path, PathBuf};

use figment::{
    Error, Figment, Metadata, Profile, Provider,
    value::{Dict, Map as ProfileMap, Value as Merged},
};
use serde::Deserialize as _;
use serde_json::{Map, Value};

use super::{
    ProviderSettings, Settings, Source,
    complete::{self, UnsetDefaults},
    environment, file,
    problems::{Collector, Origins, Problem, Problems},
    schema::{self, Node},
    validate,
    walk::walk,
};

/// Where the configuration comes from.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// The TOML file, if any.
    pub file: Option<PathBuf>,
    /// Environment variables; names without the prefix `IDP_GATEWAY_` are ignored.
    pub environment: Vec<(String, String)>,
}

impl Sources {
    /// The process's own: the file given on the command line or by `IDP_GATEWAY_CONFIG`, and its environment.
    #[must_use]
    pub fn of_process(file: Option<PathBuf>) -> Self {
        let environment: Vec<_> = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .filter(|(name, _)| name.starts_with(environment::PREFIX))
            .collect();
        let named = environment.iter().find(|(name, value)| name == environment::CONFIG && !value.is_empty());
        let file = file.or_else(|| named.map(|(_, value)| PathBuf::from(value)));
        Self { file, environment }
    }

    /// Whether nothing is configured at all.
    fn are_none(&self) -> bool {
        self.file.is_none()
            && !self.environment.iter().any(|(name, value)| environment::is_setting(name, value))
    }
}

/// A configuration that can be used.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The settings.
    pub settings: Settings,
    /// What works, but probably not as meant.
    pub warnings: Vec<Problem>,
}

impl Settings {
    /// The scopes of the Management API that these settings need: IdP tokens are read unless every provider takes them
    /// from Token Vault alone.
    #[must_use]
    pub fn required_scopes(&self) -> &'static [&'static str] {
        let vault_alone = |provider: &ProviderSettings| provider.source == [Source::Vault];
        let unread = !self.providers.is_empty() && self.providers.values().all(vault_alone);
        if unread { &["read:users"] } else { &["read:users", "read:user_idp_tokens"] }
    }

    /// Loads and validates.
    ///
    /// # Errors
    ///
    /// All problems at once, each with key, source and remedy.
    pub fn load(sources: &Sources) -> Result<Loaded, Problems> {
        if sources.are_none() {
            return Err(unnamed().into());
        }
        let text = match &sources.file {
            Some(path) => std::fs::read_to_string(path).map_err(|error| unreadable(path, &error))?,
            None => String::new(),
        };
        load(&text, sources.file.clone(), &sources.environment)
    }

    /// Loads from TOML text alone, for tests and programs that embed the gateway.
    ///
    /// # Errors
    ///
    /// All problems at once, each with key, source and remedy.
    pub fn from_toml(text: &str) -> Result<Settings, Problems> {
        load(text, None, &[]).map(|loaded| loaded.settings)
    }
}

/// The first mistake of all: said as such, and not as all the keys that nothing sets.
fn unnamed() -> Problem {
    let remedy = if Path::new("gateway.toml").is_file() {
        "add `--config gateway.toml`: this folder has a file of that name"
    } else {
        "name the file with --config or IDP_GATEWAY_CONFIG; only `gateway demo` needs none"
    };
    let problem = "there is no configuration: no file is named, and no variable IDP_GATEWAY_… is set";
    Problem::of_key("--config", "command line and environment", problem, remedy)
}

fn unreadable(path: &Path, error: &std::io::Error) -> Problem {
    let problem = format!("the configuration file cannot be read: {error}");
    let remedy = "name an existing file that this user can read, with --config or IDP_GATEWAY_CONFIG";
    Problem::of_key("--config", path.display().to_string(), problem, remedy)
}

pub(super) fn load(
    text: &str,
    path: Option<PathBuf>,
    variables: &[(String, String)],
) -> Result<Loaded, Problems> {
    let schema = schema::whole();
    let root = Node::root(&schema);
    let folder = path.as_deref().and_then(Path::parent).map(Path::to_owned);
    let mut origins = Origins::of_file(path);
    let from_file = file::parse(text, folder.as_deref(), root, &mut origins)?;
    let mut collector = Collector::new(origins);
    let from_environment = environment::parse(variables, &from_file, root, &mut collector);

    let mut tree = merge(from_file, from_environment).map_err(|error| internal(&error.to_string()))?;
    walk(&mut tree, "", root, &mut collector);
    validate::warn_of_placeholders(&tree, "", &mut collector);
    complete::complete(&mut tree, &mut collector);
    let unset = UnsetDefaults::of(&tree);
    let mut settings = match Settings::deserialize(tree) {
        Ok(settings) => unset.adjust(settings),
        Err(error) => {
            let (mut problems, _) = collector.finish();
            if problems.is_empty() {
                problems.push(internal(&error.to_string()));
            }
            return Err(Problems(problems));
        }
    };
    for (name, provider) in &mut settings.providers {
        provider.name.clone_from(name);
    }
    validate::validate(&settings, &mut collector);
    match collector.finish() {
        (problems, warnings) if problems.is_empty() => Ok(Loaded { settings, warnings }),
        (problems, _) => Err(Problems(problems)),
    }
}

fn internal(error: &str) -> Problem {
    let problem = format!("the settings cannot be combined: {error}");
    let remedy = "this is a defect of the gateway; please report it with the configuration, secrets removed";
    Problem::of_key("(configuration)", "defaults", problem, remedy)
}

/// One layer of the configuration for figment.
struct Layer(&'static str, Map<String, Value>);

impl Provider for Layer {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.0)
    }

    fn data(&self) -> Result<ProfileMap<Profile, Dict>, Error> {
        let dict = Merged::serialize(&self.1)?.into_dict().unwrap_or_default();
        Ok(ProfileMap::from([(Profile::Default, dict)]))
    }
}

fn merge(from_file: Map<String, Value>, from_environment: Map<String, Value>) -> Result<Value, Box<Error>> {
    Figment::from(Layer("file", from_file))
        .merge(Layer("environment", from_environment))
        .extract::<Value>()
        .map_err(Box::new)
}

#[cfg(test)]
mod tests;
