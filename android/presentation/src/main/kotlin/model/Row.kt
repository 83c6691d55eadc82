package chat.dunnock.presentation

import chat.dunnock.bridge.Fate
import chat.dunnock.bridge.Message
import chat.dunnock.bridge.Sealing

/** One message as the chat screen shows it. */
data class Row(
    val id: String,
    /** What stands in the bubble; empty if unreadable. */
    val text: String,
    /** The length of the whole text in characters where [text] is only its beginning. */
    val whole: Int?,
    val own: Boolean,
    /** Milliseconds since 1970. */
    val time: Long,
    val sealing: Sealing,
    val fate: Fate?,
    /** It was encrypted to so many of the [known] devices. */
    val reached: Int?,
    val known: Int?,
    /** The code of why it cannot be read. */
    val unreadable: String?,
    /** Why it failed, or why it waits. */
    val problem: Problem?,
    /** The beginning of what it answers. */
    val answers: String?,
) {
    /** The server or we gave it up. */
    val failed: Boolean get() = fate == Fate.FAILED

    /** Nobody but a person can make it go on: plain text would have to be allowed. */
    val wantsPlain: Boolean get() = problem?.kind == "plain_not_allowed"

    /** A device of theirs has to be looked at before it goes on. */
    val wantsDevices: Boolean get() = problem?.kind == "no_trusted_device"
}

/** How long a quoted beginning may be, in characters. */
private const val QUOTE_LENGTH = 100

internal fun hasFailed(message: Message): Boolean = message.fate == Fate.FAILED

/** [among]: the messages that this one may answer, by id. */
internal fun row(message: Message, among: Map<String, Message>, problems: Problems): Row {
    val text = message.text
    return Row(
        id = message.id,
        text = text?.cut(BUBBLE_LENGTH).orEmpty(),
        whole = text?.length?.takeIf { it > BUBBLE_LENGTH },
        own = message.own,
        time = message.time,
        sealing = message.sealed,
        fate = message.fate,
        reached = message.reached,
        known = message.known,
        unreadable = if (text == null) message.reason ?: "unknown" else null,
        problem = message.error?.let { problems.known(it) },
        answers = message.replyTo?.let { among[it]?.text?.let { text -> beginning(text, QUOTE_LENGTH) } },
    )
}
