import Models
import Testing

@Suite struct SafeTextTests {
  @Test func marksThatTurnTheDirectionAreTakenOutOfNames() {
    #expect(SafeText.name("\u{202E}evil\u{202C}\u{2067}\u{200F}") == "evil")
  }

  @Test func foreignWritingIsKeptAndIsolated() {
    #expect(SafeText.name("רומיאו") == "\u{2068}רומיאו\u{2069}")
    #expect(SafeText.name("Romeo") == "Romeo")
  }

  @Test func aNameIsOneLineOfBoundedLength() {
    #expect(SafeText.name("a\n\r\tb\u{1}c") == "a bc")
    #expect(SafeText.name(String(repeating: "x", count: 500)).count == 81)
  }

  @Test func oneLetterWithAMillionMarksIsCutToo() {
    let tower = "a" + String(repeating: "\u{0301}", count: 500_000)
    #expect(SafeText.name(tower).utf8.count < 1_000)
    let body = SafeText.body(tower, whole: false)
    #expect(body.isCut && body.text.utf8.count < 40_000)
  }

  @Test func aShortTextStaysAsItIsWithItsLines() {
    let body = SafeText.body("one\ntwo\u{202E}\u{0}", whole: false)
    #expect(body.text == "one\ntwo\u{202E}" && !body.isCut)
  }
}
