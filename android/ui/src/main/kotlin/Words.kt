package chat.dunnock.ui

import chat.dunnock.bridge.Fate
import chat.dunnock.bridge.LinkState
import chat.dunnock.bridge.Trust
import chat.dunnock.presentation.DoubtShown
import chat.dunnock.presentation.LinkLine
import chat.dunnock.presentation.Problem
import chat.dunnock.presentation.RouteChoice
import chat.dunnock.presentation.TorStart
import java.text.NumberFormat
import java.util.Locale

/** Every sentence of the screens, in one place. */
internal object Words {
    const val APP = "Dunnock"
    const val CLAIM = "Private messages on the open network"
    const val SIGN_IN = "Sign in"
    const val NEW_ACCOUNT = "New account"
    const val MAKE_ACCOUNT = "Create account"
    const val ADDRESS = "Address"
    const val ADDRESS_HINT = "you@example.org"
    const val PASSWORD = "Password"
    const val SHOW = "Show"
    const val HIDE = "Hide"
    const val SHOW_PASSWORD = "Show password"
    const val HIDE_PASSWORD = "Hide password"
    const val ROUTE = "How to connect"
    const val SOCKS_HOST = "Proxy host"
    const val SOCKS_PORT = "Proxy port"
    const val SERVER = "Server settings"
    const val HOST = "Server host"
    const val PORT = "Server port"
    const val SERVER_MEANS = "Only if your server's operator told you so. Empty: found by itself."

    const val ROUTE_MEANS = "If the way you choose leads nowhere, you are offline: no other is taken."
    const val TAKE_ROUTE = "Connect like this"

    const val CHATS = "Chats"
    const val NEW_CHAT = "New chat"
    const val MORE = "More"
    const val YOUR_DEVICES = "Your devices"
    const val SIGN_OUT = "Sign out"
    const val NO_CHATS = "Nobody here yet"
    const val NO_CHATS_MEANS = "Tap “New chat” and write the address of somebody you know."
    const val ADD_MEANS = "The address looks like an e-mail address. They are asked whether they want to hear from you."
    const val ADD = "Start chat"
    const val CANCEL = "Cancel"
    const val ACCEPT = "Accept"
    const val DECLINE = "Decline"
    const val LEAVE_TITLE = "Sign out and wipe?"
    const val LEAVE_MEANS = "All messages and keys of this account are wiped from this device. They cannot be brought back. The account on the server stays."
    const val LEAVE = "Wipe and sign out"
    const val TYPING = "typing…"
    const val UNREADABLE_SHORT = "Unreadable message"
    const val NOT_SENT_SHORT = "Not sent"
    const val READ_DOUBT = "What speaks against it"
    const val DOUBT_TITLE = "The server is not who it was"
    const val DOUBT_MEANS = "Somebody may sit in between. Ask your server’s operator by another way whether this is as it should be. Only then take it as it is: it is met anew, and what was known of it is forgotten."
    const val ACCEPT_SERVER = "Take it as it is"
    const val TRY_AGAIN = "Try again"
    const val UNDERSTOOD = "Close"

    const val BACK = "Back"
    const val DEVICES_OF = "Devices and keys"
    const val MESSAGE = "Message"
    const val SEND = "Send"
    const val SEALED = "End-to-end encrypted"
    const val PLAIN = "Not encrypted: plain text is allowed"
    const val PLAIN_MARK = "Not encrypted"
    const val EARLIER = "Earlier messages"
    const val UNREADABLE = "This message cannot be read"
    const val NOT_SENT = "Not sent"
    const val SEND_AGAIN = "Send again"
    const val ALLOW_PLAIN = "Allow plain text here"
    const val STOP_PLAIN = "Stop plain text here"
    const val LOOK_AT_DEVICES = "Look at devices"
    const val NOTHING_SAID = "Say hello. Only the two of you can read it."
    const val WHOLE_MESSAGE = "Whole message"
    const val CLOSE = "Close"
    const val OPENING = "Opening…"

    const val SAVE_READABLE = "Save what can be read"
    const val REMOVE_ACCOUNT = "Remove this account"
    const val REMOVE_TITLE = "Remove the damaged account?"
    const val REMOVE_MEANS = "What is left of its messages and keys is wiped from this device. The account on the server stays: you can sign in anew."
    const val REMOVE = "Wipe and remove"

    const val DEVICES = "Devices"
    const val COMPARE = "Compare each fingerprint with the one on the other screen, side by side or in a call. If they match, nobody reads along."
    const val YOURS_MEANS = "Everything on this list can read your messages. Reject what you do not know."
    const val MATCHES = "It matches"
    const val REJECT = "Reject"
    const val NO_DEVICES = "No encrypted device is known yet. It is asked for when you write."
    const val NO_KEY = "Its key has not arrived yet."
    const val THIS_DEVICE = "This device"

    fun devicesOf(name: String) = "$name’s devices"
    fun wantsToTalk(name: String) = "$name wants to write with you"
    fun unread(count: Int) = if (count == 1) "1 unread" else "$count unread"
    fun you(text: String) = "You: $text"
    fun device(number: Long) = "Device $number"
    fun versions(all: List<String>) = all.joinToString(" and ") { "OMEMO $it" }
    fun showAll(length: Int) = "Show all ${NumberFormat.getIntegerInstance(Locale.ENGLISH).format(length)} characters"
    fun reached(reached: Int, known: Int) = "to $reached of $known devices"

    fun route(choice: RouteChoice): String = when (choice) {
        RouteChoice.DIRECT -> "Direct"
        RouteChoice.TOR -> "Tor"
        RouteChoice.SOCKS -> "Proxy"
    }

    fun routeMeans(choice: RouteChoice): String = when (choice) {
        RouteChoice.DIRECT -> "Fastest. Your server sees where you are."
        RouteChoice.TOR -> "Hides where you are from your server. Slower."
        RouteChoice.SOCKS -> "Through Orbot or any SOCKS5 proxy."
    }

    fun signingIn(tor: TorStart?): String = tor?.let(::torStart) ?: "Signing in…"
    fun torStart(start: TorStart): String = "Starting Tor: ${start.percent} %"

    /** Why Tor gets no further. */
    fun torBlocked(reason: String): String = when (reason) {
        "offline" -> "This device seems to be offline."
        "filtered" -> "Something keeps Tor from its network. Orbot with a bridge may get through: then choose “Proxy”."
        "clock" -> "The clock of this device seems to be wrong."
        else -> "Tor’s network does not answer so far."
    }

    /** Where the connection stands, and by which way where that is not the usual one. */
    fun saved(rows: Long, file: String) = "$rows rows are in $file. Whoever gets this file can read them."

    fun link(line: LinkLine): String = when (line.state) {
        LinkState.OFFLINE -> "Offline"
        LinkState.CONNECTING -> line.torStart?.let(::torStart) ?: ("Connecting" + over(line.way.choice) + "…")
        LinkState.ONLINE -> "Online" + over(line.way.choice)
        LinkState.REFUSED -> "The server refused"
        LinkState.CONTRADICTION -> "The server is not who it was"
    }

    private fun over(choice: RouteChoice): String = when (choice) {
        RouteChoice.DIRECT -> ""
        RouteChoice.TOR -> " over Tor"
        RouteChoice.SOCKS -> " through the proxy"
    }

    /** What stands against the server. */
    fun doubt(doubt: DoubtShown, since: String): String {
        val keys = listOfNotNull(
            doubt.before?.let { "Known so far: key ${it.key}, signed by ${it.issuer}" },
            doubt.shown?.let { "Shown now: key ${it.key}, signed by ${it.issuer}" },
        )
        return (listOfNotNull("Since $since nothing is sent there.", doubt.why?.let { cause(it) + "." }) + keys + DOUBT_MEANS).joinToString("\n\n")
    }

    fun fate(fate: Fate): String = when (fate) {
        Fate.WAITING -> "Waiting"
        Fate.SENDING -> "Sending"
        Fate.SENT -> "Sent"
        Fate.FAILED -> NOT_SENT
        Fate.DELIVERED -> "Delivered"
        Fate.DISPLAYED -> "Read"
    }

    fun trust(trust: Trust): String = when (trust) {
        Trust.UNDECIDED -> "Waits for your decision"
        Trust.FIRST_USE -> "Not compared yet"
        Trust.VOUCHED -> "Vouched for"
        Trust.VERIFIED -> "Compared by you"
        Trust.DISTRUSTED -> "Rejected"
    }

    /** Why a message cannot be read, and what helps. */
    fun unreadable(reason: String): String = when (reason) {
        "not_for_this_device" -> "It was not encrypted for this device: the sender did not know it yet. Newer messages will come through."
        "no_session", "unknown_pre_key" -> "Its key is no longer here. A fresh exchange was started; ask them to send it again."
        "key_changed" -> "The sender’s key is not the one it was. Look at their devices before you write on."
        "too_many_skipped" -> "Too many messages before it are missing. Ask them to send it again."
        "forged", "envelope_mismatch" -> "It is not what the sender sealed. Somebody changed it on the way."
        "too_large" -> "It is larger than this app takes."
        "crashed" -> "This app failed on it. An update will try again."
        "not_encrypted" -> "It came without encryption where there should be some."
        else -> "It is damaged. Ask them to send it again."
    }

    /** What happened. */
    fun cause(problem: Problem): String {
        val cause = causes[problem.kind] ?: problem.cause.ifEmpty { "something went wrong (${problem.kind})" }
        return cause.replaceFirstChar { it.uppercase() }
    }

    /** What a person with a phone in their hand can do. */
    fun remedy(problem: Problem): String {
        val own = remedies[problem.kind]
        // The core also speaks to people at a command line: those words help nobody here.
        val core = problem.remedy.takeUnless { "--" in it || '`' in it || "log" in it.split(' ') }
        return (own ?: core ?: "Check what you entered and try again.").replaceFirstChar { it.uppercase() }
    }

    private val causes = mapOf(
        "no_tor" to "this build of the app has no Tor inside",
        "plain_not_allowed" to "they have no encryption that this app could use",
        "no_trusted_device" to "none of their devices may read it yet",
    )

    private val remedies = mapOf(
        "invalid_jid" to "Write it like name@server.",
        "account_exists" to "This account is already on this device.",
        "wrong_key" to "Nothing was changed. If this phone was restored from a copy, sign in anew.",
        "key_file" to "Nothing was changed. Restart the app; if it stays so, sign in anew.",
        "damaged_store" to "Nothing was overwritten. Save what can be read, then remove the account and sign in anew.",
        "read_only_home" to "Restart the phone. If it stays so, the app’s storage is damaged.",
        "wrong_password" to "Check the address and the password. It was tried only once.",
        "password_needed" to "Give the password again: it was changed elsewhere, or your server makes its logins in another way now, and only what was made from the password is kept.",
        "contradiction" to "Nothing more was sent. Read what stands against it, and ask your server’s operator by another way.",
        "password_not_kept" to "Only what was made from the password is kept on this phone. Who typed it knows it.",
        "unknown_host" to "Check the spelling of the address and the network.",
        "unreachable" to "Check the network. If your server needs them, check the server settings.",
        "timed_out" to "Check the network and try again.",
        "not_xmpp" to "Check the server settings.",
        "wrong_domain" to "Check the spelling of the address and the server settings.",
        "see_other_host" to "If host or port is set in the server settings, clear it or give the new one. Else it is gone there by itself.",
        "certificate_name" to "Check the server settings. If they are right, somebody may sit in between: do not go on.",
        "certificate_untrusted" to "Somebody may sit in between: do not go on. A server with a private authority cannot be used on a phone yet.",
        "proxy_unreachable" to "Start it (Orbot, for example), or check the proxy’s host and port. Nothing went another way.",
        "not_socks" to "Check the proxy’s host and port. Nothing went another way.",
        "route_refused" to "Check the server settings. Tor takes no addresses of a local network, and a proxy may forbid places.",
        "onion_needs_tor" to "Choose Tor, or a proxy that leads into Tor, such as Orbot.",
        "tor_unreachable" to "Check the network and this device’s clock. Where Tor is blocked, start Orbot with a bridge and choose “Proxy”. Nothing went another way.",
        "no_tor" to "Start Orbot and choose “Proxy”. Nothing went another way.",
        "registration_closed" to "Make the account the way the server’s site says, then sign in.",
        "plain_not_allowed" to "Ask them to set up OMEMO. Or allow plain text in this chat: then the servers can read it.",
        "no_trusted_device" to "Look at their devices and decide.",
        "no_usable_device" to "Ask them to open their app. It is tried again by itself.",
        "not_yet" to "This version cannot do that yet.",
        "internal" to "Please report it.",
    )
}
