package chat.dunnock.presentation

import chat.dunnock.bridge.Chat
import chat.dunnock.bridge.Contact
import chat.dunnock.bridge.Damage
import chat.dunnock.bridge.Device
import chat.dunnock.bridge.Doubt
import chat.dunnock.bridge.Explanation
import chat.dunnock.bridge.Fate
import chat.dunnock.bridge.Link
import chat.dunnock.bridge.LinkState
import chat.dunnock.bridge.Route
import chat.dunnock.bridge.ServerKey
import chat.dunnock.bridge.TorState
import chat.dunnock.bridge.TorStatus
import chat.dunnock.bridge.Trouble
import chat.dunnock.bridge.Trust
import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertFalse
import kotlin.test.assertIs
import kotlin.test.assertNotNull
import kotlin.test.assertNull
import kotlin.test.assertTrue
import kotlinx.coroutines.ExperimentalCoroutinesApi
import kotlinx.coroutines.flow.update
import kotlinx.coroutines.test.TestScope
import kotlinx.coroutines.test.advanceTimeBy
import kotlinx.coroutines.test.advanceUntilIdle
import kotlinx.coroutines.test.runCurrent
import kotlinx.coroutines.test.runTest

private val explain = { kind: String -> Explanation("cause of $kind", "remedy of $kind") }
private const val ROMEO = "romeo@x.example"

@OptIn(ExperimentalCoroutinesApi::class)
class ModelsTest {
    private fun TestScope.app(home: FakeHome) = AppModel({ home }, backgroundScope) { "saved.jsonl" }.also { runCurrent() }

    private fun TestScope.settle() {
        advanceTimeBy(1_000)
        runCurrent()
    }

    private fun signIn(app: AppModel) = assertIs<Screen.SignIn>(app.screen.value).model

    @Test fun the_right_password_leads_to_the_chats() = runTest {
        val home = FakeHome()
        val app = app(home)
        val model = signIn(app)
        model.change { it.copy(address = " juliet@x.example ", password = "s", way = Way(RouteChoice.SOCKS)) }
        model.go()
        settle()
        assertIs<Screen.Chats>(app.screen.value)
        assertEquals(listOf("add juliet@x.example ${Route.Socks("127.0.0.1", 9050)}"), home.calls)
    }

    @Test fun a_refused_password_is_told_and_nothing_stays() = runTest {
        val home = FakeHome(refuses = "wrong_password")
        val app = app(home)
        val model = signIn(app)
        model.change { it.copy(address = "juliet@x.example", password = "wrong") }
        model.go()
        settle()
        val state = model.state.value
        assertEquals("wrong_password", state.problem?.kind)
        assertEquals("remedy of wrong_password", state.problem?.remedy)
        assertEquals("wrong", state.password, "it can be corrected instead of written anew")
        assertFalse(state.busy)
        assertTrue(home.stored.isEmpty())
        model.change { it.copy(password = "right") }
        assertNull(model.state.value.problem)
    }

    @Test fun while_the_login_waits_for_tor_the_person_sees_how_far_its_start_is() = runTest {
        val home = FakeHome(waits = true)
        val model = signIn(app(home))
        model.change { it.copy(address = "juliet@x.example", password = "s", way = Way(RouteChoice.TOR)) }
        model.go()
        runCurrent()
        assertNull(model.state.value.torStart)
        val link = home.stored.single().link
        link.update { it.copy(route = Route.Tor, tor = TorStatus(TorState.STARTING, 45, "filtered")) }
        runCurrent()
        assertEquals(TorStart(45, "filtered"), model.state.value.torStart)
        link.update { it.copy(error = "tor_unreachable") }
        settle()
        val state = model.state.value
        assertEquals("tor_unreachable", state.problem?.kind)
        assertNull(state.torStart)
        assertEquals(Way(RouteChoice.TOR), state.way, "what was chosen stays chosen")
    }

    @Test fun the_list_tells_the_way_and_takes_another_only_when_told() = runTest {
        val account = FakeAccount("juliet@x.example")
        account.link.value = Link(LinkState.CONNECTING, route = Route.Socks("h", 9150), tor = null)
        val model = ChatsModel(account, backgroundScope, explain, {}, {})
        runCurrent()
        assertEquals(Way(RouteChoice.SOCKS, "h", "9150"), model.state.value.link.way)
        model.choose(Way(RouteChoice.SOCKS, "", ""))
        model.chooseNow()
        assertEquals(emptyList(), account.calls, "half of it is not taken")
        model.choose(Way(RouteChoice.TOR))
        model.chooseNow()
        settle()
        assertEquals(listOf("take ${Route.Tor}", "connect"), account.calls)
        assertNull(model.state.value.choosing)
    }

    @Test fun what_stands_against_a_server_is_read_before_it_is_accepted() = runTest {
        val account = FakeAccount("juliet@x.example")
        account.doubt = Doubt(1_700_000_000_000, "offer_altered", ServerKey("aa", "CN=One"), ServerKey("bb", "CN=Two\u202e"))
        account.link.value = Link(LinkState.CONTRADICTION, "contradiction")
        val model = ChatsModel(account, backgroundScope, explain, {}, {})
        runCurrent()
        val doubt = assertNotNull(model.state.value.doubt)
        assertEquals("offer_altered", doubt.why?.kind)
        assertEquals(ServerKey("bb", "CN=Two"), doubt.shown)
        model.read(true)
        assertTrue(model.state.value.reading)
        assertEquals(emptyList(), account.calls, "to read it accepts nothing")
        model.acceptServer()
        settle()
        assertEquals(listOf("accept", "connect"), account.calls)
        assertNull(model.state.value.doubt)
    }

    @Test fun a_refused_password_is_tried_again_because_a_person_says_so() = runTest {
        val account = FakeAccount("juliet@x.example")
        ChatsModel(account, backgroundScope, explain, {}, {}).connect()
        settle()
        assertEquals(listOf("again"), account.calls)
    }

    @Test fun another_network_is_told_to_the_core() = runTest {
        val home = FakeHome().apply { stored += FakeAccount("juliet@x.example") }
        app(home).networkChanged()
        settle()
        assertTrue("another network" in home.calls)
    }

    @Test fun a_damaged_account_is_saved_and_removed_only_when_told() = runTest {
        val home = FakeHome().apply { damage = Damage("0f", "damaged_store"); exportFails = "disk_full" }
        val app = app(home)
        val screen = assertIs<Screen.Broken>(app.screen.value)
        val model = assertNotNull(screen.model)
        assertEquals("damaged_store", screen.problem.kind)
        model.save()
        settle()
        assertEquals("disk_full", model.state.value.problem?.kind)
        home.exportFails = null
        model.save()
        settle()
        assertEquals(Saved("saved.jsonl", 7), model.state.value.saved)
        model.remove(true)
        assertTrue(model.state.value.removing)
        assertEquals(listOf("export 0f saved.jsonl"), home.calls)
        model.removeNow()
        settle()
        assertIs<Screen.SignIn>(app.screen.value)
        assertEquals("remove 0f", home.calls.last())
    }

    @Test fun what_cannot_be_an_address_or_a_port_cannot_be_tried() {
        val filled = SignInState(address = "a@b", password = "p")
        assertTrue(filled.ready)
        assertFalse(filled.copy(address = "a").ready)
        assertFalse(filled.copy(address = "a@b/c").ready)
        assertFalse(filled.copy(password = "").ready)
        assertFalse(filled.copy(way = Way(RouteChoice.SOCKS, proxyPort = "70000")).ready)
        assertFalse(filled.copy(server = Server(port = "x")).ready)
    }

    @Test fun a_home_that_does_not_open_says_why() = runTest {
        val app = AppModel({ throw Trouble("wrong_key") }, backgroundScope) { "saved.jsonl" }
        runCurrent()
        assertEquals("wrong_key", assertIs<Screen.Broken>(app.screen.value).problem.kind)
    }

    @Test fun an_account_of_before_goes_online_by_itself() = runTest {
        val home = FakeHome().apply { stored += FakeAccount("juliet@x.example") }
        val app = app(home)
        settle()
        assertIs<Screen.Chats>(app.screen.value)
        assertEquals(listOf("connect"), home.stored[0].calls)
    }

    @Test fun back_leads_from_the_devices_over_the_chat_to_the_list() = runTest {
        val app = app(FakeHome().apply { stored += FakeAccount("juliet@x.example") })
        app.openChat(ROMEO)
        app.openDevices(ROMEO)
        assertIs<Screen.Devices>(app.screen.value)
        assertTrue(app.back())
        assertIs<Screen.Chat>(app.screen.value)
        assertTrue(app.back())
        assertIs<Screen.Chats>(app.screen.value)
        assertFalse(app.back())
    }

    @Test fun leaving_wipes_the_account_and_asks_for_one() = runTest {
        val home = FakeHome().apply { stored += FakeAccount("juliet@x.example") }
        val app = app(home)
        assertIs<Screen.Chats>(app.screen.value).model.leaveNow()
        settle()
        assertIs<Screen.SignIn>(app.screen.value)
        assertEquals(listOf("remove juliet@x.example"), home.calls)
    }

    @Test fun the_list_shows_chats_then_people_and_who_asks() = runTest {
        val account = FakeAccount("juliet@x.example")
        account.chats.value = listOf(chat(name = "Romeo\u202E", unread = 2, last = message("1", "Soft!\nwhat \u202Elight")))
        account.people.value = listOf(
            Contact(ROMEO, null, requests = false, blocked = false, online = true),
            Contact("nurse@x.example", "Nurse", requests = false, blocked = false, online = false),
            Contact("paris@x.example", null, requests = true, blocked = false, online = false),
            Contact("tybalt@x.example", null, requests = true, blocked = true, online = false),
        )
        val model = ChatsModel(account, backgroundScope, explain, {}, {})
        runCurrent()
        val state = model.state.value
        assertEquals(listOf("Romeo", "Nurse"), state.lines?.map { it.name })
        assertEquals("Soft! what light", state.lines?.first()?.preview)
        assertEquals(listOf("paris@x.example"), state.requests.map { it.jid })
    }

    @Test fun a_person_who_cannot_be_added_leaves_the_dialog_open_with_the_reason() = runTest {
        val account = FakeAccount("juliet@x.example").apply { sendFails = "invalid_jid" }
        var opened: String? = null
        val model = ChatsModel(account, backgroundScope, explain, { opened = it }, {})
        model.add(Adding("romeo@x..example"))
        model.addNow()
        settle()
        assertEquals("invalid_jid", model.state.value.adding?.problem?.kind)
        account.sendFails = null
        model.add(Adding(ROMEO))
        model.addNow()
        settle()
        assertNull(model.state.value.adding)
        assertEquals(ROMEO, opened)
    }

    @Test fun a_sent_text_leaves_the_draft_and_one_that_fails_stays() = runTest {
        val account = FakeAccount("juliet@x.example")
        val model = ChatModel(account, ROMEO, backgroundScope, explain)
        model.draft("Art thou not Romeo?")
        model.send()
        settle()
        assertEquals("", model.state.value.draft)
        assertEquals(listOf("Art thou not Romeo?"), model.state.value.rows?.map { it.text })
        account.sendFails = "disk_full"
        model.draft("and a Montague?")
        model.send()
        settle()
        assertEquals("and a Montague?", model.state.value.draft)
        assertEquals("disk_full", model.state.value.problem?.kind)
    }

    @Test fun a_megabyte_is_not_taken_and_what_was_written_stays() = runTest {
        val model = ChatModel(FakeAccount("juliet@x.example"), ROMEO, backgroundScope, explain)
        model.draft("Good night")
        model.draft("Good night" + "!".repeat(1_000_000))
        assertEquals("Good night", model.state.value.draft)
        assertEquals("too_large", model.state.value.problem?.kind)
        model.draft("Good night!")
        assertEquals("Good night!", model.state.value.draft)
        assertNull(model.state.value.problem)
    }

    @Test fun what_is_written_while_the_last_is_sent_is_kept() = runTest {
        val model = ChatModel(FakeAccount("juliet@x.example"), ROMEO, backgroundScope, explain)
        model.draft("one")
        model.send()
        model.draft("one and")
        settle()
        assertEquals("one and", model.state.value.draft)
    }

    @Test fun typing_is_told_once_and_ends_by_itself() = runTest {
        val account = FakeAccount("juliet@x.example")
        val model = ChatModel(account, ROMEO, backgroundScope, explain)
        model.draft("a")
        runCurrent()
        model.draft("ab")
        runCurrent()
        advanceTimeBy(4_000)
        assertEquals(listOf("typing true"), account.calls)
        advanceTimeBy(2_000)
        assertEquals(listOf("typing true", "typing false"), account.calls)
    }

    @Test fun a_megabyte_is_shortened_and_can_be_read_whole() = runTest {
        val account = FakeAccount("juliet@x.example")
        val text = "Wherefore? ".repeat(100_000)
        account.rows.value = listOf(message("1", text))
        val model = ChatModel(account, ROMEO, backgroundScope, explain)
        runCurrent()
        val row = assertNotNull(model.state.value.rows?.single())
        assertEquals(BUBBLE_LENGTH, row.text.length)
        assertEquals(text.length, row.whole)
        model.read(row)
        val pieces = assertNotNull(model.state.value.reading).pieces
        assertTrue(pieces.all { it.length <= PIECE_LENGTH })
        assertEquals(text, pieces.joinToString(""))
        model.readEnough()
        assertNull(model.state.value.reading)
    }

    @Test fun unreadable_and_failed_rows_tell_why() = runTest {
        val account = FakeAccount("juliet@x.example")
        account.rows.value = listOf(
            message("2", "Hello?", own = true, fate = Fate.FAILED, error = "plain_not_allowed"),
            message("1", null, reason = "no_session"),
        )
        val model = ChatModel(account, ROMEO, backgroundScope, explain)
        runCurrent()
        val rows = assertNotNull(model.state.value.rows)
        assertTrue(rows[0].failed && rows[0].wantsPlain)
        assertEquals("remedy of plain_not_allowed", rows[0].problem?.remedy)
        assertEquals("no_session", rows[1].unreadable)
        model.allowPlain(true)
        model.sendAgain(rows[0])
        settle()
        assertEquals(listOf("plain $ROMEO true", "send $ROMEO Hello?"), account.calls)
    }

    @Test fun a_window_that_moves_on_leaves_no_hole_before_earlier_rows() = runTest {
        val account = FakeAccount("juliet@x.example")
        account.rows.value = (200 downTo 101).map { message("$it", "$it") }
        account.pages = (100 downTo 51).map { message("$it", "$it") }
        val model = ChatModel(account, ROMEO, backgroundScope, explain)
        runCurrent()
        assertTrue(model.state.value.earlier)
        model.earlier()
        runCurrent()
        for (last in 201..203) {
            account.rows.value = listOf(message("$last", "$last")) + account.rows.value
            runCurrent()
        }
        assertEquals((203 downTo 51).map { "$it" }, model.state.value.rows?.map { it.id })
        assertFalse(model.state.value.earlier)
    }

    @Test fun only_what_a_person_looks_at_is_marked_as_read() = runTest {
        val account = FakeAccount("juliet@x.example")
        account.chats.value = listOf(chat(unread = 1))
        val model = ChatModel(account, ROMEO, backgroundScope, explain)
        runCurrent()
        assertEquals(emptyList(), account.calls)
        model.visible(true)
        runCurrent()
        assertEquals(listOf("read $ROMEO"), account.calls)
        model.visible(false)
        account.chats.value = listOf(chat(unread = 2))
        runCurrent()
        assertEquals(listOf("read $ROMEO"), account.calls)
    }

    @Test fun a_decision_names_the_owner_and_the_key() = runTest {
        val account = FakeAccount("juliet@x.example")
        val key = "0123456789abcdef".repeat(4)
        account.keys.value = mapOf(
            ROMEO to listOf(Device(7, key, Trust.UNDECIDED, listOf("2"), own = false, current = false)),
            "juliet@x.example" to listOf(Device(9, key, Trust.VERIFIED, listOf("2"), own = true, current = true)),
        )
        val model = DevicesModel(account, ROMEO, backgroundScope, explain)
        runCurrent()
        val device = assertNotNull(model.state.value.theirs?.single())
        assertEquals("01234567 89abcdef", device.fingerprint.take(17))
        assertTrue(device.open)
        assertFalse(assertNotNull(model.state.value.ours?.single()).open)
        model.decide(device, verified = true)
        runCurrent()
        assertEquals(listOf("decide $ROMEO $key true"), account.calls)
    }
}
