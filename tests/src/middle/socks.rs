//! A SOCKS5 proxy (RFC 1928) that leads all who come to one loopback port, wherever they want to go.

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};

/// Listens on a free loopback port for as long as the test program lives; hands it back.
pub fn leading_to(target: u16) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
    let port = listener.local_addr().expect("it is bound").port();
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            std::thread::spawn(move || serve(client, target));
        }
    });
    port
}

fn serve(mut client: TcpStream, target: u16) -> io::Result<()> {
    let mut two = [0; 2];
    client.read_exact(&mut two)?;
    skip(&mut client, usize::from(two[1]))?;
    // Name and password (RFC 1929): whatever they are, they keep accounts apart at a real one.
    client.write_all(&[5, 2])?;
    client.read_exact(&mut two)?;
    skip(&mut client, usize::from(two[1]))?;
    let mut length = [0; 1];
    client.read_exact(&mut length)?;
    skip(&mut client, usize::from(length[0]))?;
    client.write_all(&[1, 0])?;
    let mut head = [0; 4];
    client.read_exact(&mut head)?;
    let name = match head[3] {
        1 => 4,
        4 => 16,
        _ => {
            client.read_exact(&mut length)?;
            usize::from(length[0])
        }
    };
    skip(&mut client, name + 2)?;
    let server = TcpStream::connect(("127.0.0.1", target))?;
    client.write_all(&[5, 0, 0, 1, 127, 0, 0, 1, 0, 0])?;
    let (mut up, mut down) = (client.try_clone()?, server.try_clone()?);
    std::thread::spawn(move || {
        let _ = io::copy(&mut up, &mut &server);
        server.shutdown(std::net::Shutdown::Write)
    });
    io::copy(&mut down, &mut client)?;
    client.shutdown(std::net::Shutdown::Write)
}

fn skip(stream: &mut TcpStream, bytes: usize) -> io::Result<()> {
    io::copy(&mut stream.take(bytes as u64), &mut io::sink()).map(drop)
}
