use plasma::{Client, ConnectOptions, CreateOptions, ObjectId};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let options = ConnectOptions::default().ephemeral(true);
    let client = Client::connect(None, &options)?;
    let id = ObjectId::random()?;
    client.put(&id, b"shared", &CreateOptions::default())?;
    let sealed = client.get(&id, None)?;
    println!("{}", str::from_utf8(&sealed)?);
    Ok(())
}
