package chat.dunnock.core

import java.io.File
import java.nio.file.Files
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withTimeoutOrNull

/** How long anything may take that depends on a server; a busy machine is slow. */
const val PATIENCE = 120_000L

/** The key of every home here. */
val KEY = ByteArray(32) { it.toByte() }

/** A test that may wait; JUnit passes over those that return something. */
fun story(work: suspend CoroutineScope.() -> Unit): Unit = runBlocking { work() }

/** A folder that goes away after [work]. */
inline fun <T> withFolder(work: (String) -> T): T {
    val folder = Files.createTempDirectory("dunnock-kotlin").toFile()
    try {
        return work(folder.path)
    } finally {
        folder.deleteRecursively()
    }
}

/** An open home in a folder of its own, ended afterwards. */
suspend fun <T> withHome(work: suspend (Client) -> T): T = withFolder { folder ->
    openClient(File(folder, "home").path, KEY).use { client ->
        try {
            work(client)
        } finally {
            client.end()
        }
    }
}

/** Someone at this server, with a home of their own. */
suspend fun <T> withPerson(server: TestServer, user: String, work: suspend (Account) -> T): T = withHome { client ->
    client.add(server.account(user)).use { account ->
        account.connect()
        val connection = account.waitFor { it.state == State.REFUSED || it.state == State.ONLINE && it.caughtUp }
        check(connection.state == State.ONLINE) { "refused: ${connection.error}" }
        work(account)
    }
}

/** Pulls until one fits. */
private suspend fun <T : Any> pull(what: String, next: suspend () -> T?, fits: (T) -> Boolean): T {
    var last: T? = null
    val found = withTimeoutOrNull(PATIENCE) {
        while (true) {
            val one = checkNotNull(next()) { "ended while waiting for $what" }
            last = one
            if (fits(one)) return@withTimeoutOrNull one
        }
        @Suppress("UNREACHABLE_CODE")
        null
    }
    return checkNotNull(found) { "no $what; the last was $last" }
}

/** Waits until the connection is like that. */
suspend fun Account.waitFor(fits: (Connection) -> Boolean): Connection = watchConnection().use { query ->
    pull("such connection", query::next, fits).also { query.end() }
}

/** Waits until the push is like that. */
suspend fun Account.waitForPush(fits: (Push) -> Boolean): Push = watchPush().use { query ->
    pull("such push", query::next, fits).also { query.end() }
}

/** Waits for a row of this chat. */
suspend fun Account.row(chat: String, what: String, fits: (TimelineItem) -> Boolean): TimelineItem =
    watchTimeline(chat, 200u).use { query ->
        pull(what, query::next) { rows -> rows.any(fits) }.first(fits).also { query.end() }
    }

/** Waits until this text has arrived. */
suspend fun Account.sees(chat: String, text: String) = row(chat, "message $text") { !it.own && it.text == text }

/** Sends a text and waits until it is at least that far. */
suspend fun Account.says(to: String, text: String, atLeast: Delivery): TimelineItem {
    val sent = send(to, text, null, null)
    return row(to, "fate of $text") {
        it.message == sent.message && it.state != null && (it.state >= atLeast || it.state == Delivery.FAILED)
    }
}
