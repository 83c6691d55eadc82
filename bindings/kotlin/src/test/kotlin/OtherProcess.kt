package chat.dunnock.core

import kotlin.system.exitProcess
import kotlinx.coroutines.runBlocking

/** A second process on a home: sends one message and ends. Arguments: the home, the account, the other side, the text. */
fun main(arguments: Array<String>) {
    val (home, jid, to, text) = arguments
    runBlocking {
        openClient(home, KEY).use { client ->
            client.account(jid).use { account ->
                val row = account.says(to, text, Delivery.SENT)
                if (row.state == Delivery.FAILED) {
                    println("failed: ${row.error}")
                    exitProcess(1)
                }
            }
            client.end()
        }
    }
}
