package chat.dunnock.window

import java.io.File
import java.io.RandomAccessFile
import java.nio.file.Files
import java.util.concurrent.TimeUnit
import kotlin.test.Test
import kotlin.test.assertFalse
import kotlin.test.assertTrue
import org.junit.jupiter.api.AfterAll
import org.junit.jupiter.api.BeforeAll
import org.junit.jupiter.api.Timeout

/** What goes wrong on a phone, on the real screens over the real core: it is told, and nothing is lost by it. */
@Timeout(15, unit = TimeUnit.MINUTES)
class TroubleTest {
    @Test fun a_damaged_account_can_be_saved_and_removed_and_one_signs_in_anew() {
        val folder = Files.createTempDirectory("dunnock-damaged").toFile()
        try {
            onPhone(folder, house.server) {
                signsIn(house.jid("nurse"), house.password)
                addsPerson(house.jid("paris"))
                says("Is your man secret?")
                sees("they have no encryption that this app could use")
            }
            val account = File(folder, "home/accounts").listFiles()!!.single()
            RandomAccessFile(File(account, "store.db"), "rw").use { it.seek(100); it.write(ByteArray(3996)) }
            onPhone(folder, house.server) {
                sees("The database file is damaged")
                taps("Save what can be read")
                sees("Whoever gets this file can read them")
                assertTrue("Is your man secret?" in File(folder, "saved.jsonl").readText())
                taps("Remove this account")
                sees("What is left of its messages and keys is wiped")
                taps("Cancel")
                assertTrue(account.exists())
                taps("Remove this account")
                taps("Wipe and remove")
                signsIn(house.jid("nurse"), house.password)
                sees("Online")
                assertFalse(account.exists())
            }
        } finally {
            folder.deleteRecursively()
        }
    }

    @Test fun a_very_long_message_is_bounded_in_its_bubble_and_can_be_read_to_its_end() = onPhone(house.server) {
        signsIn(house.jid("juliet"), house.password)
        addsPerson(romeo)
        says("Speak again, bright angel!")
        sees("Speak again, bright angel!", "Sent")
        val text = "Parting is such sweet sorrow. ".repeat(3_333) + "The end of it."
        house.ask("says", "user", "romeo", "to", house.jid("juliet"), "body", text)
        sees("Show all 100,004 characters")
        taps("Show all 100,004 characters")
        sees("Whole message")
        scrolls("whole", to = "The end of it.")
        taps("Close")
        // A megabyte into the field is refused, and what stood there stays.
        writes("Message", "So thrive my soul")
        adds("Message", "!".repeat(1_000_000))
        sees("This is larger than the server takes")
        holds("Message", "So thrive my soul")
        taps("Send")
        sees("So thrive my soul", "Sent")
    }

    @Test fun a_name_that_turns_text_around_is_no_address_and_what_was_written_stays() = onPhone(house.server) {
        signsIn(house.jid("benvolio"), house.password)
        taps("New chat")
        writes("Address", "\u202Eoemor@verona.test")
        taps("Start chat")
        sees("This is not a JID")
        sees("Write it like name@server")
        holds("Address", "\u202Eoemor@verona.test")
        taps("Cancel")
        sees("Nobody here yet")
    }

    companion object {
        private lateinit var house: TestServer
        private lateinit var romeo: String

        @BeforeAll @JvmStatic fun start() {
            house = TestServer("juliet", "nurse", "romeo", "paris", "benvolio")
            romeo = house.ask("peer", "user", "romeo", "version", "2").getValue("jid")
        }

        @AfterAll @JvmStatic fun end() = house.close()
    }
}
