package chat.dunnock.window

import java.util.concurrent.TimeUnit
import kotlin.test.Test
import kotlin.test.assertEquals
import org.junit.jupiter.api.AfterAll
import org.junit.jupiter.api.BeforeAll
import org.junit.jupiter.api.Timeout

/** What people do, on the real screens over the real core and a real Prosody; Romeo is another program. */
@Timeout(15, unit = TimeUnit.MINUTES)
class StoriesTest {
    @Test fun two_people_find_each_other_talk_sealed_and_compare_their_keys() = onPhone(house.server) {
        signsIn(house.jid("juliet"), house.password)
        sees("Nobody here yet")
        addsPerson(romeo)
        says("wherefore art thou Romeo?")
        house.ask("sees", "user", "romeo", "body", "wherefore art thou Romeo?")
        sees("wherefore art thou Romeo?", "Sent")
        house.ask("says", "user", "romeo", "to", house.jid("juliet"), "body", "I take thee at thy word.")
        sees("I take thee at thy word.")
        sees("End-to-end encrypted")
        assertEquals("true", house.ask("never_sent", "text", "wherefore art thou")["held"])
        taps("Devices and keys")
        sees("Not compared yet")
        sees("This device")
        taps("It matches")
        sees("Compared by you")
        taps("Reject")
        sees("Rejected")
        taps("Back")
        taps("Back")
        sees("I take thee at thy word.")
    }

    @Test fun a_wrong_password_is_told_with_its_remedy_and_can_be_corrected() = onPhone(house.server) {
        signsIn(house.jid("nurse"), "not the password")
        sees("The server refused the name or the password")
        sees("It was tried only once")
        writes("Password", house.password)
        taps("Sign in")
        sees("Nobody here yet")
    }

    @Test fun who_has_no_encryption_gets_nothing_until_a_person_allows_plain_text() = onPhone(house.server) {
        signsIn(house.jid("rosaline"), house.password)
        addsPerson(house.jid("paris"))
        says("Do you hear me, County?")
        sees("they have no encryption that this app could use")
        assertEquals("true", house.ask("never_sent", "text", "Do you hear me")["held"])
        taps("Allow plain text here")
        sees("Not encrypted: plain text is allowed")
        taps("Send again")
        sees("Do you hear me, County?", "Sent")
        taps("Stop plain text here")
        sees("End-to-end encrypted")
    }

    @Test fun what_was_not_sealed_for_this_phone_is_shown_as_unreadable_with_the_reason() {
        onPhone(house.server) {
            signsIn(house.jid("benvolio"), house.password)
            addsPerson(romeo)
            says("Good morrow, cousin.")
            house.ask("sees", "user", "romeo", "body", "Good morrow, cousin.")
            sees("Good morrow, cousin.", "Sent")
        }
        // Only the phone that is gone can read this; a new one gets it all the same.
        house.ask("says", "user", "romeo", "to", house.jid("benvolio"), "body", "Is the day so young?")
        onPhone(house.server) {
            signsIn(house.jid("benvolio"), house.password)
            sees("Unreadable message")
            taps("Unreadable message")
            sees("This message cannot be read")
            sees("It was not encrypted for this device")
        }
    }

    @Test fun without_a_server_a_message_waits_and_goes_by_itself_later() {
        TestServer("mercutio", "tybalt").use { house ->
            val tybalt = house.ask("peer", "user", "tybalt", "version", "2").getValue("jid")
            onPhone(house.server) {
                signsIn(house.jid("mercutio"), house.password)
                addsPerson(tybalt)
                says("What wouldst thou have with me?")
                sees("What wouldst thou have with me?", "Sent")
                house.ask("stop")
                sees("Connecting…")
                says("Good king of cats!")
                sees("Good king of cats!", "Waiting")
                house.ask("start")
                sees("Good king of cats!", "Sent")
            }
        }
    }

    companion object {
        private lateinit var house: TestServer
        private lateinit var romeo: String

        @BeforeAll @JvmStatic fun start() {
            house = TestServer("juliet", "romeo", "nurse", "rosaline", "paris", "benvolio")
            romeo = house.ask("peer", "user", "romeo", "version", "2").getValue("jid")
        }

        @AfterAll @JvmStatic fun end() = house.close()
    }
}
