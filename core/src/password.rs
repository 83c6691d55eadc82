//! Passwords that nobody has to think of.

use rand::Rng;
use rand::rngs::StdRng;
use zeroize::Zeroizing;

/// A new password of 26 letters and digits, 130 random bits: what a person never has to remember, but may have to copy.
pub fn generate() -> Zeroizing<String> {
    // Without what is easily confused (0 O, 1 l I); 32 of them, so that five bits of each byte choose one evenly.
    const LETTERS: &[u8; 32] = b"23456789abcdefghijkmnpqrstuvwxyz";
    let mut random = Zeroizing::new([0; 26]);
    rand::make_rng::<StdRng>().fill_bytes(random.as_mut_slice());
    let mut password = Zeroizing::new(String::with_capacity(26));
    for byte in random.iter() {
        password.push(char::from(LETTERS[usize::from(byte & 31)]));
    }
    password
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generated_passwords_are_long_and_differ() {
        let (one, two) = (generate(), generate());
        assert_eq!(one.len(), 26);
        assert_ne!(one, two);
        assert!(one.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    }
}
