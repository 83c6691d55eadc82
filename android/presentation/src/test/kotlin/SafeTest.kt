package chat.dunnock.presentation

import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertFalse
import kotlin.test.assertTrue

class SafeTest {
    @Test fun an_ordinary_name_stays_as_it_is() {
        assertEquals("Juliet Capulet", shownName("Juliet Capulet"))
        assertEquals("Łucja Ångström", shownName("Łucja Ångström"))
    }

    @Test fun an_override_in_a_name_turns_nothing_around() {
        val shown = shownName("romeo\u202Emoc.live@")
        assertEquals("romeomoc.live@", shown)
    }

    @Test fun every_sign_that_turns_text_is_gone() {
        val turning = ('\u202A'..'\u202E') + ('\u2066'..'\u2069') + listOf('\u200E', '\u200F', '\u061C')
        for (sign in turning) assertEquals("ab", shownName("a${sign}b"), "U+%04X".format(sign.code))
    }

    @Test fun a_name_from_right_to_left_stands_in_an_isolate() {
        val shown = shownName("יוליה")
        assertTrue(shown.startsWith('\u2068') && shown.endsWith('\u2069'))
    }

    @Test fun a_name_of_many_lines_is_one_short_line() {
        val shown = shownName("a\nb\u2028c" + "x".repeat(1_000_000))
        assertFalse(shown.any { it == '\n' || it == '\u2028' })
        assertEquals(NAME_LENGTH + 1, shown.length)
    }

    @Test fun nothing_is_cut_through_the_middle_of_a_character() {
        val birds = "\uD83D\uDC26".repeat(PIECE_LENGTH)
        assertEquals("\uD83D\uDC26", birds.cut(3))
        assertTrue(pieces(birds).none { it.first().isLowSurrogate() || it.last().isHighSurrogate() })
        assertEquals(birds, pieces(birds).joinToString(""))
    }

    @Test fun pieces_end_where_words_do() {
        val text = "word ".repeat(2_000)
        assertTrue(pieces(text).dropLast(1).all { it.endsWith(' ') && it.length <= PIECE_LENGTH })
        assertEquals(text, pieces(text).joinToString(""))
    }
}
