//! What a person brings of a kit: files, or what is typed. Files are read whatever their mode: a medium that everybody can put in
//! everywhere knows no modes.

use std::io::Read;
use std::path::PathBuf;

use clap::Args;
use holdfast_ops::error::{Error, Result};
use holdfast_ops::recovery::Material;
use holdfast_world::{SecretString, Stream};

use crate::context::Context;
use crate::output;

/// The kit.
#[derive(Args, Debug)]
pub struct KitFiles {
    /// A file of the kit: kit.txt or share-N.txt, and access.age; may be given several times. `-` or none reads what is typed,
    /// the secret or the shares, until Ctrl-D
    #[arg(long, value_name = "FILE")]
    kit: Vec<PathBuf>,
}

/// More than any sheet.
const BYTES_MAX: u64 = 4 << 20;

impl KitFiles {
    pub fn read(&self, context: &Context) -> Result<Material> {
        let mut texts = Vec::new();
        let typed = PathBuf::from("-");
        let files = if self.kit.is_empty() { std::slice::from_ref(&typed) } else { &self.kit[..] };
        for file in files {
            let mut text = String::new();
            let read = if *file == typed {
                if context.world.environment.is_terminal(Stream::Input) {
                    output::note("Type or paste the secret, or the shares, one a line; then Ctrl-D:");
                }
                std::io::stdin().take(BYTES_MAX).read_to_string(&mut text)
            } else {
                std::fs::File::open(file).and_then(|file| file.take(BYTES_MAX).read_to_string(&mut text))
            };
            read.map_err(|error| Error::usage(format!("--kit {}: {error}", file.display())))?;
            texts.push(SecretString::from(text));
        }
        Ok(Material::new(texts))
    }
}
