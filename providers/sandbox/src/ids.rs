//! Ids that nobody has yet.

/// Makes ids that nobody has yet.
#[derive(Debug)]
pub struct IdSource {
    state: u64,
}

impl IdSource {
    /// A source with a random beginning.
    pub fn new() -> Self {
        Self { state: rand::random() }
    }

    /// The next number of `SplitMix64`, which visits each state once.
    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.state ^ (self.state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// An id as EC2 writes it: the prefix, a dash and seventeen hexadecimal digits.
    pub fn ec2(&mut self, prefix: &str) -> String {
        format!("{prefix}-0{}", self.hex(16))
    }

    /// Random lower-case hexadecimal digits.
    pub fn hex(&mut self, digits: usize) -> String {
        let mut text = String::with_capacity(digits + 16);
        while text.len() < digits {
            text.extend(format!("{:016x}", self.next()).chars());
        }
        text.truncate(digits);
        text
    }

    /// Random upper-case letters and digits, as in the ids of IAM and Route 53.
    pub fn upper(&mut self, length: usize) -> String {
        const LETTERS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
        (0..length).map(|_| char::from(LETTERS[(self.next() >> 59) as usize])).collect()
    }

    /// A random UUID.
    pub fn uuid(&mut self) -> String {
        let hex = self.hex(32);
        format!("{}-{}-4{}-a{}-{}", &hex[..8], &hex[8..12], &hex[13..16], &hex[17..20], &hex[20..])
    }
}

/// Bytes in lower-case hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |text, byte| text + &format!("{byte:02x}"))
}
