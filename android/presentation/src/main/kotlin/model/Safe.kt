package chat.dunnock.presentation

/** The longest name that a screen shows, in characters. */
const val NAME_LENGTH = 80

/** The longest text that can be written at once, in characters: what a screen still lays out in one go. */
const val DRAFT_LENGTH = 50_000

/** What of a long message stands in its bubble, in characters. */
const val BUBBLE_LENGTH = 1_500

/** The size of the pieces in which the whole of a long message is shown, in characters. */
const val PIECE_LENGTH = 2_000

private const val FIRST_STRONG_ISOLATE = '\u2068'
private const val POP_ISOLATE = '\u2069'

/** Characters that turn the direction of what stands around them (UAX #9), or that cannot be seen at all. */
private fun misleads(sign: Char): Boolean = when (sign) {
    in '\u202A'..'\u202E', in '\u2066'..'\u2069', '\u200E', '\u200F', '\u061C', '\u200B', '\u2060', '\uFEFF' -> true
    else -> false
}

/**
 * A name or an address as a screen may show it: on one line, not too long, without characters that turn text around.
 * It stands in an isolate of its own, so a name written from right to left leaves the words around it in place.
 */
fun shownName(text: String): String {
    val plain = buildString {
        for (sign in text) {
            when {
                misleads(sign) -> Unit
                sign.isISOControl() || sign == '\u2028' || sign == '\u2029' -> append(' ')
                else -> append(sign)
            }
        }
    }.trim()
    val short = if (plain.length <= NAME_LENGTH) plain else plain.cut(NAME_LENGTH) + "…"
    // Nothing to isolate in the common case; then the text on the screen is the text that a person would look for.
    return if (short.any(::mayRunBackwards)) "$FIRST_STRONG_ISOLATE$short$POP_ISOLATE" else short
}

private fun mayRunBackwards(sign: Char): Boolean = when (Character.getDirectionality(sign)) {
    Character.DIRECTIONALITY_RIGHT_TO_LEFT, Character.DIRECTIONALITY_RIGHT_TO_LEFT_ARABIC, Character.DIRECTIONALITY_ARABIC_NUMBER -> true
    // Half of a character outside the basic plane says nothing: isolate, that is never wrong.
    else -> sign.isSurrogate()
}

/** The beginning of a text on one line, beside other words: nothing in it turns those around. */
internal fun beginning(text: String, length: Int): String = text.cut(length).filterNot(::misleads).replace('\n', ' ')

/** The beginning of a text up to [length] characters, never half of a surrogate pair. */
internal fun String.cut(length: Int): String = when {
    this.length <= length -> this
    this[length - 1].isHighSurrogate() -> substring(0, length - 1)
    else -> substring(0, length)
}

/** A text in pieces of about [PIECE_LENGTH], cut at line ends or spaces where there are some. */
internal fun pieces(text: String): List<String> {
    val pieces = mutableListOf<String>()
    var start = 0
    while (text.length - start > PIECE_LENGTH) {
        val most = start + PIECE_LENGTH
        val space = text.lastIndexOfAny(charArrayOf('\n', ' '), most - 1)
        val end = when {
            space > start + PIECE_LENGTH / 2 -> space + 1
            text[most - 1].isHighSurrogate() -> most - 1
            else -> most
        }
        pieces += text.substring(start, end)
        start = end
    }
    pieces += text.substring(start)
    return pieces
}
