//! In Rust, an object that can be neither sealed nor aborted is returned, and its error is passed
//! on.

mod common;

use common::{Scratch, id, make};
use plasma::{Client, CreateOptions, EndError, Error, MutableBuffer, Status};

const KIB: u64 = 1 << 10;

fn writer(client: &Client, number: u64) -> Result<MutableBuffer, Error> {
    client.create(&id(1, number), 3, &CreateOptions::default())
}

/// Ends all three with `?`, in a function that fails with the library's error.
fn end_three(client: &Client) -> Result<Vec<u8>, Error> {
    let (mut one, mut two) = (writer(client, 1)?, writer(client, 2)?);
    one.as_mut_slice().copy_from_slice(b"one");
    two.as_mut_slice().copy_from_slice(b"two");
    one.seal()?;
    let bytes = two.seal_and_get()?.to_vec();
    writer(client, 3)?.abort()?;
    Ok(bytes)
}

/// Does the same in a function that fails with any error.
fn seal(writer: MutableBuffer) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    writer.seal()?;
    Ok(())
}

#[test]
fn a_question_mark_passes_the_error_of_a_seal_on() {
    let scratch = Scratch::new();
    let address = scratch.store("s");
    let client = make(&address, 512 * KIB, 64, false);
    assert_eq!(end_three(&client).unwrap(), b"two");
    let (late, later) = (writer(&client, 4).unwrap(), writer(&client, 5).unwrap());
    Client::remove_store(Some(&address)).unwrap();
    assert_eq!(Error::from(late.seal().unwrap_err()).status(), Status::StoreGone);
    let error = seal(later).unwrap_err();
    let failed: &EndError = error.downcast_ref().unwrap();
    assert_eq!(error.to_string(), failed.error().to_string());
}

#[test]
fn an_object_whose_seal_failed_comes_back_as_it_was() {
    let scratch = Scratch::new();
    let address = scratch.store("s");
    let client = make(&address, 512 * KIB, 64, false);
    let mut writer = writer(&client, 1).unwrap();
    writer.as_mut_slice().copy_from_slice(b"one");
    Client::remove_store(Some(&address)).unwrap();
    let mut writer = writer.seal().unwrap_err().into_buffer();
    assert_eq!(writer.as_mut_slice(), b"one");
    let (mut writer, error) = writer.seal_and_get().unwrap_err().into_parts();
    assert_eq!((error.status(), &*writer.as_mut_slice()), (Status::StoreGone, &b"one"[..]));
}
