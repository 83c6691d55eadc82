package chat.dunnock.window

import chat.dunnock.bridge.Fate
import chat.dunnock.bridge.LinkState
import chat.dunnock.bridge.Sealing
import chat.dunnock.bridge.Trust
import chat.dunnock.presentation.ChatLine
import chat.dunnock.presentation.ChatState
import chat.dunnock.presentation.ChatsState
import chat.dunnock.presentation.DeviceLine
import chat.dunnock.presentation.DevicesState
import chat.dunnock.presentation.LinkLine
import chat.dunnock.presentation.Problem
import chat.dunnock.presentation.Request
import chat.dunnock.presentation.RouteChoice
import chat.dunnock.presentation.Row
import chat.dunnock.presentation.SignInState
import chat.dunnock.presentation.Way
import chat.dunnock.ui.ChatActions
import chat.dunnock.ui.ChatsActions
import chat.dunnock.ui.DevicesActions
import chat.dunnock.ui.Surroundings
import java.lang.reflect.Proxy
import java.time.Instant
import java.time.ZoneOffset

private fun at(text: String) = Instant.parse("2026-07-$text:00Z").toEpochMilli()

/** An afternoon in July. */
val afternoon = Surroundings(ZoneOffset.UTC) { at("16T15:04") }

private val online = LinkLine(LinkState.ONLINE)

val signIn = SignInState(address = "juliet@capulet.example", password = "wherefore", way = Way(RouteChoice.TOR))

private fun line(name: String, preview: String, time: String?) = ChatLine(
    jid = "${name.substringBefore(' ').lowercase()}@verona.example",
    name = name,
    address = "${name.substringBefore(' ').lowercase()}@verona.example",
    preview = preview,
    own = false,
    unreadable = false,
    failed = false,
    time = time?.let(::at),
    unread = 0,
    typing = false,
    sealed = true,
)

val chats = ChatsState(
    me = "juliet@capulet.example",
    link = online,
    requests = listOf(Request("paris@verona.example", "paris@verona.example")),
    lines = listOf(
        line("Romeo", "With love’s light wings did I o’er-perch these walls.", "16T15:02").copy(unread = 2),
        line("Nurse", "", "16T14:47").copy(typing = true),
        line("Friar Laurence", "Wisely and slow; they stumble that run fast.", "16T11:20"),
        line("Mercutio", "A plague o’ both your houses!", "16T09:12").copy(failed = true, own = true),
        line("Rosaline", "Will you be there on Sunday?", "15T20:31").copy(own = true),
        line("Benvolio", "", "14T18:05").copy(unreadable = true),
        line("Balthasar", "The horses are ready.", "11T07:40").copy(sealed = false),
    ),
)

private fun row(id: String, text: String, own: Boolean, time: String, fate: Fate? = null) =
    Row(id, text, null, own, at(time), Sealing.FULL, fate, 2, 2, null, null, null)

val chat = ChatState(
    name = "Romeo",
    address = "romeo@verona.example",
    link = online,
    draft = "Good night, good night!",
    typing = false,
    rows = listOf(
        row("8", "Stay but a little, I will come again.", true, "16T15:03", Fate.WAITING)
            .copy(problem = Problem("no_trusted_device", "", "", "")),
        row("7", "O, wilt thou leave me so unsatisfied?", false, "16T15:02").copy(answers = "Three words, dear Romeo, and good night indeed."),
        row("6", "Three words, dear Romeo, and good night indeed.", true, "16T15:01", Fate.DELIVERED).copy(reached = 1, known = 2),
        row("5", "", false, "16T14:59").copy(unreadable = "not_for_this_device"),
        row("4", "I take thee at thy word.", false, "16T14:58"),
        row("3", "What’s in a name? That which we call a rose by any other word would smell as sweet.", true, "16T14:58", Fate.DISPLAYED),
        row("2", "Shall I hear more, or shall I speak at this?", false, "15T21:41"),
        row("1", "O Romeo, Romeo, wherefore art thou Romeo?", true, "15T21:40", Fate.DISPLAYED),
    ),
)

private fun key(seed: Int) = (0 until 8).joinToString(" ") { "%08x".format((seed * 2654435761L + it * 40503L * seed * 7919L) and 0xffffffffL) }

private fun device(id: Long, trust: Trust, seed: Int, vararg versions: String) =
    DeviceLine(id, key(seed), key(seed), trust, versions.toList(), own = false, current = false)

val devices = DevicesState(
    name = "Romeo",
    theirs = listOf(device(1201873344, Trust.VERIFIED, 17, "2"), device(733120987, Trust.UNDECIDED, 29, "0.3", "2")),
    ours = listOf(device(402653189, Trust.VERIFIED, 41, "0.3", "2").copy(own = true, current = true)),
)

/** Actions that do nothing but say their names. */
inline fun <reified T : Any> silent(crossinline told: (String) -> Unit = {}): T {
    val type = T::class.java
    return Proxy.newProxyInstance(type.classLoader, arrayOf(type)) { _, method, _ ->
        told(method.name)
        Unit.takeIf { method.returnType == Unit::class.java }
    } as T
}

val noChats: ChatsActions = silent()
val noChat: ChatActions = silent()
val noDevices: DevicesActions = silent()
