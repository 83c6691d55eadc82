//! What is said beside texts, and what becomes of texts afterwards.

use super::*;
use crate::engine::ns;
use crate::model::TimelineItem;

const JULIET: &str = "juliet@capulet.lit";
const ROMEO: &str = "romeo@montague.lit";

fn two() -> (World, usize, usize) {
    let mut world = World::new();
    let juliet = world.device("juliet@capulet.lit/balcony");
    let romeo = world.device("romeo@montague.lit/orchard");
    (world, juliet, romeo)
}

impl World {
    /// The rows of a chat as screens read them, oldest first.
    fn rows(&mut self, number: usize, chat: &str) -> Vec<TimelineItem> {
        let sql = format!("SELECT {} FROM message m WHERE m.chat = ? ORDER BY m.position", crate::query::COLUMNS);
        let connection = self.devices[number].store.read();
        let mut rows = connection.prepare(&sql).unwrap();
        rows.query_map([chat], crate::query::row).unwrap().map(Result::unwrap).collect()
    }

    /// The local id of the row with this text.
    fn find(&mut self, number: usize, chat: &str, text: &str) -> String {
        self.rows(number, chat).into_iter().find(|row| row.text.as_deref() == Some(text)).unwrap().message
    }

    fn does(&mut self, number: usize, command: Command) {
        self.command(number, command).unwrap();
        self.settle();
    }

    fn react(&mut self, number: usize, chat: &str, text: &str, emojis: &[&str]) {
        let message = self.find(number, chat, text);
        self.does(number, Command::React { message, emojis: emojis.iter().map(|one| (*one).to_owned()).collect() });
    }

    fn counted(&mut self, number: usize, name: &str) -> i64 {
        self.tx(number, |tx| tx.counted(name))
    }
}

/// What a row shows of reactions: `emoji from…`.
fn thoughts(row: &TimelineItem) -> Vec<String> {
    row.reactions.iter().map(|one| format!("{} {}", one.emoji, one.from.join(" "))).collect()
}

#[test]
fn a_reaction_arrives_sealed_and_another_takes_its_place() {
    let (mut world, juliet, romeo) = two();
    world.says(juliet, ROMEO, "Good night, good night!");
    world.react(romeo, JULIET, "Good night, good night!", &["❤️", "🌙"]);
    for (device, chat) in [(juliet, ROMEO), (romeo, JULIET)] {
        let row = &world.rows(device, chat)[0];
        assert_eq!(thoughts(row), [format!("❤️ {ROMEO}"), format!("🌙 {ROMEO}")]);
    }
    world.react(juliet, ROMEO, "Good night, good night!", &["❤️"]);
    world.react(romeo, JULIET, "Good night, good night!", &["❤️"]);
    assert_eq!(thoughts(&world.rows(juliet, ROMEO)[0]).len(), 1);
    world.react(romeo, JULIET, "Good night, good night!", &[]);
    assert_eq!(thoughts(&world.rows(juliet, ROMEO)[0]), [format!("❤️ {JULIET}")]);
    let tap: String = world.server.tap.iter().map(String::from).collect();
    assert!(!tap.contains(ns::REACTIONS) && !tap.contains('❤'));
}
