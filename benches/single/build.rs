//! Links libplasma.so: that of `$PLASMA_LIB_DIR`, otherwise the one that `make library` builds.

use std::env;
use std::path::PathBuf;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=PLASMA_LIB_DIR");
    let here = PathBuf::from(env::var("CARGO_MANIFEST_DIR").expect("cargo says where this is"));
    let built = here.ancestors().nth(2).expect("the root").join("target/release");
    let library = env::var_os("PLASMA_LIB_DIR").map_or(built, PathBuf::from);
    println!("cargo::rustc-link-search=native={}", library.display());
    println!("cargo::rustc-link-arg-benches=-Wl,-rpath,{}", library.display());
}
