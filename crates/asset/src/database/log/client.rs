//! The few packets with which a replica asks for a log.
//!
//! The crate through which everything else is asked cannot be told to ask for all events, and takes those that it gets apart: a log
//! read through it has holes where the server's file has remarks, and its bytes are put together again, not kept. So this
//! connection is ours: log in, one setting, one request, and then the bytes as they come.

use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::os::unix::net::UnixStream;

use holdfast_world::ExposeSecret;
use mysql_common::scramble::scramble_native;

use super::super::access::{ANSWER_MAX, Access, CONNECT_MAX, Place};

/// A packet that is as long as this goes on in the next.
const PACKET_PART: usize = 0xff_ffff;
/// The largest event, and a little.
const PACKET_BYTES_MAX: usize = (1 << 30) + 1024;
/// What we say that we know: passwords as of today, and their method by name.
const CAPABILITIES: u32 = 0x1 | 0x200 | 0x2000 | 0x8000 | 0x8_0000;
const UTF8: u8 = 45;
const NATIVE: &[u8] = b"mysql_native_password";
/// The answer ends where the log does now, and has the statements that rows came from, as the file has them.
const UNTIL_NOW_AND_ALL: u16 = 0x1 | 0x2;

/// What went wrong.
#[derive(Debug)]
pub enum ClientError {
    /// The connection.
    Io(io::Error),
    /// The server says so: number and words.
    Server(u16, String),
    /// What the server sent is no packet of this protocol.
    Protocol(&'static str),
    /// A method of logging in that we do not have.
    Method(String),
}

impl From<io::Error> for ClientError {
    fn from(error: io::Error) -> ClientError {
        ClientError::Io(error)
    }
}

trait Stream: Read + Write + Send {}
impl<T: Read + Write + Send> Stream for T {}

/// A connection.
pub struct Client {
    stream: Box<dyn Stream>,
    sequence: u8,
}

/// A packet of a log.
pub enum LogPacket {
    /// An event's bytes.
    Event(Vec<u8>),
    /// There are no more now.
    End,
}

impl Client {
    /// Connects and logs in.
    pub fn connect(access: &Access) -> Result<Client, ClientError> {
        let stream: Box<dyn Stream> = match &access.place {
            Place::Socket(path) => {
                let stream = UnixStream::connect(path)?;
                stream.set_read_timeout(Some(ANSWER_MAX))?;
                stream.set_write_timeout(Some(ANSWER_MAX))?;
                Box::new(stream)
            }
            Place::Host { host, port } => {
                let mut last = io::Error::from(io::ErrorKind::NotFound);
                let stream = (host.as_str(), *port).to_socket_addrs()?.find_map(|address| {
                    TcpStream::connect_timeout(&address, CONNECT_MAX).map_err(|error| last = error).ok()
                });
                let stream = stream.ok_or(last)?;
                stream.set_nodelay(true)?;
                stream.set_read_timeout(Some(ANSWER_MAX))?;
                stream.set_write_timeout(Some(ANSWER_MAX))?;
                Box::new(stream)
            }
        };
        let mut client = Client { stream, sequence: 0 };
        client.log_in(access)?;
        Ok(client)
    }

    fn log_in(&mut self, access: &Access) -> Result<(), ClientError> {
        let greeting = self.read()?;
        if let Some(error) = refusal(&greeting) {
            return Err(error);
        }
        let nonce = nonce(&greeting).ok_or(ClientError::Protocol("its greeting is none"))?;
        let password = access.password.expose_secret().as_bytes();
        let mut answer = CAPABILITIES.to_le_bytes().to_vec();
        answer.extend_from_slice(&u32::try_from(PACKET_BYTES_MAX).unwrap_or(u32::MAX).to_le_bytes());
        answer.push(UTF8);
        answer.extend_from_slice(&[0; 23]);
        answer.extend_from_slice(access.user.as_bytes());
        answer.push(0);
        let scrambled = scrambled(&nonce, password);
        answer.push(u8::try_from(scrambled.len()).unwrap_or(0));
        answer.extend_from_slice(&scrambled);
        answer.extend_from_slice(NATIVE);
        answer.push(0);
        self.write(&answer)?;
        let mut said = self.read()?;
        if let [0xfe, rest @ ..] = said.as_slice() {
            let end = rest.iter().position(|byte| *byte == 0).unwrap_or(rest.len());
            if &rest[..end] != NATIVE {
                return Err(ClientError::Method(String::from_utf8_lossy(&rest[..end]).into_owned()));
            }
            let nonce = rest.get(end + 1..).unwrap_or_default();
            self.write(&self::scrambled(nonce.strip_suffix(&[0]).unwrap_or(nonce), password))?;
            said = self.read()?;
        }
        is_ok(&said)
    }

    /// Runs a statement that answers with nothing but whether it went well.
    pub fn run(&mut self, statement: &str) -> Result<(), ClientError> {
        self.sequence = 0;
        let mut packet = vec![0x03];
        packet.extend_from_slice(statement.as_bytes());
        self.write(&packet)?;
        let said = self.read()?;
        is_ok(&said)
    }

    /// Asks for the log from a place on.
    pub fn ask_for_log(&mut self, file: &str, position: u32) -> Result<(), ClientError> {
        self.sequence = 0;
        let mut packet = vec![0x12];
        packet.extend_from_slice(&position.to_le_bytes());
        packet.extend_from_slice(&UNTIL_NOW_AND_ALL.to_le_bytes());
        // No server's number: a server ends the connection of a replica whose number comes twice.
        packet.extend_from_slice(&0u32.to_le_bytes());
        packet.extend_from_slice(file.as_bytes());
        self.write(&packet)
    }

    /// The next packet of the log.
    pub fn log_packet(&mut self) -> Result<LogPacket, ClientError> {
        let mut packet = self.read()?;
        match packet.first() {
            Some(0) => {
                packet.remove(0);
                Ok(LogPacket::Event(packet))
            }
            Some(0xfe) if packet.len() < 9 => Ok(LogPacket::End),
            _ => Err(refusal(&packet).unwrap_or(ClientError::Protocol("a packet of a log is none"))),
        }
    }

    fn read(&mut self) -> Result<Vec<u8>, ClientError> {
        let mut packet = Vec::new();
        loop {
            let mut head = [0; 4];
            self.stream.read_exact(&mut head)?;
            let length = usize::from(head[0]) | usize::from(head[1]) << 8 | usize::from(head[2]) << 16;
            self.sequence = head[3].wrapping_add(1);
            if packet.len() + length > PACKET_BYTES_MAX {
                return Err(ClientError::Protocol("a packet is larger than any"));
            }
            let before = packet.len();
            Read::by_ref(&mut self.stream).take(length as u64).read_to_end(&mut packet)?;
            if packet.len() - before != length {
                return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
            }
            if length < PACKET_PART {
                return Ok(packet);
            }
        }
    }

    fn write(&mut self, packet: &[u8]) -> Result<(), ClientError> {
        // Nothing that we send is longer than a part.
        let length = u32::try_from(packet.len()).unwrap_or(u32::MAX).to_le_bytes();
        let mut bytes = vec![length[0], length[1], length[2], self.sequence];
        bytes.extend_from_slice(packet);
        self.sequence = self.sequence.wrapping_add(1);
        self.stream.write_all(&bytes)?;
        Ok(self.stream.flush()?)
    }
}

/// The random bytes of a server's greeting.
fn nonce(greeting: &[u8]) -> Option<Vec<u8>> {
    let (10, rest) = (*greeting.first()?, greeting.get(1..)?) else { return None };
    let version_end = rest.iter().position(|byte| *byte == 0)?;
    let rest = rest.get(version_end + 5..)?;
    let mut nonce = rest.get(..8)?.to_vec();
    // Capabilities, character set and state come between the two parts.
    nonce.extend_from_slice(rest.get(27..39)?);
    Some(nonce)
}

fn scrambled(nonce: &[u8], password: &[u8]) -> Vec<u8> {
    scramble_native(nonce, password).map(|bytes| bytes.to_vec()).unwrap_or_default()
}

fn refusal(packet: &[u8]) -> Option<ClientError> {
    let [0xff, low, high, rest @ ..] = packet else { return None };
    let words = if rest.first() == Some(&b'#') { rest.get(6..).unwrap_or_default() } else { rest };
    Some(ClientError::Server(u16::from_le_bytes([*low, *high]), String::from_utf8_lossy(words).into_owned()))
}

fn is_ok(packet: &[u8]) -> Result<(), ClientError> {
    match packet.first() {
        Some(0) => Ok(()),
        _ => Err(refusal(packet).unwrap_or(ClientError::Protocol("an answer is none"))),
    }
}
