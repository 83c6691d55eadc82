package chat.dunnock.core

import kotlin.test.assertEquals
import kotlin.test.assertTrue
import org.junit.jupiter.api.AfterAll
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.Timeout

/** Talks over a real server, each a few lines both ways. */
@Timeout(300)
class TalkTest {
    @Test
    fun `a talk with a client that knows OMEMO 0_3 only`() = talkWithPeer("romeo", "0.3", Sealing.CONTENT)

    @Test
    fun `a talk with a client that knows OMEMO 2 only`() = talkWithPeer("paris", "2", Sealing.FULL)

    private fun talkWithPeer(user: String, version: String, sealed: Sealing) = story {
        val peer = server.jid(user)
        withPerson(server, "juliet$user") { juliet ->
            server.ask("peer", "user", user, "version", version)
            server.ask("befriend", "user", user, "jid", juliet.jid())
            juliet.contact(peer, ContactChange.Add)
            juliet.contact(peer, ContactChange.Accept)

            val sent = juliet.says(peer, "wherefore art thou? $version", Delivery.SENT)
            assertTrue(sent.state!! >= Delivery.SENT && sent.state != Delivery.FAILED, "${sent.state} ${sent.error}")
            assertEquals(sealed, sent.sealed)
            assertEquals(version, server.ask("sees", "user", user, "body", "wherefore art thou? $version")["version"])

            server.ask("says", "user", user, "to", juliet.jid(), "body", "call me but love ($version)")
            val seen = juliet.sees(peer, "call me but love ($version)")
            assertEquals(sealed, seen.sealed)
            assertEquals(listOf(version), juliet.devices(peer).single { it.device == seen.device }.versions)
            assertEquals("true", server.ask("never_sent", "text", "wherefore art thou?")["held"])
        }
    }

    @Test
    fun `two Dunnocks talk and a message gets to be displayed`() = story {
        withPerson(server, "nurse") { nurse ->
            withPerson(server, "friar") { friar ->
                server.ask("reachable", "user", "nurse")
                server.ask("reachable", "user", "friar")
                val sent = nurse.says(friar.jid(), "where is the lady?", Delivery.DELIVERED)
                assertEquals(Sealing.FULL, friar.sees(nurse.jid(), "where is the lady?").sealed)
                friar.markRead(nurse.jid())
                assertEquals(0u, friar.chats().single().unread)
                val answer = friar.send(nurse.jid(), "in my cell", replyTo = null, originId = "reply-1")
                assertEquals("reply-1", answer.originId)
                assertEquals(answer.message, friar.send(nurse.jid(), "in my cell", null, "reply-1").message)
                nurse.sees(friar.jid(), "in my cell")
                assertEquals(1, nurse.timeline(friar.jid(), null, 10u).count { it.text == "in my cell" })
                assertTrue(nurse.timeline(friar.jid(), null, 10u).any { it.message == sent.message })
            }
        }
    }

    @Test
    fun `an account is made at the server with a password that nobody knows`() = story {
        withHome { client ->
            client.register(server.account("tybalt", password = null)).use { tybalt ->
                tybalt.connect()
                tybalt.waitFor { it.state == State.ONLINE }
            }
        }
    }

    companion object {
        private val server = TestServer("julietromeo", "romeo", "julietparis", "paris", "nurse", "friar")

        @JvmStatic
        @AfterAll
        fun end() = server.close()
    }
}
