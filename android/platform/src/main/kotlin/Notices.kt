package chat.dunnock.platform

import android.app.Notification
import android.app.NotificationChannel
import android.app.NotificationManager
import android.app.PendingIntent
import android.content.Context
import android.content.Intent

/** What a notification is told by: who wrote, and how many messages; never what. */
data class Notice(val chat: String, val name: String, val count: Int)

/** Posts notifications. On a locked screen they say that there is something, not from whom. */
class Notices(private val context: Context, private val icon: Int, private val opens: Class<*>) {
    private val manager = checkNotNull(context.getSystemService(NotificationManager::class.java)) { "every phone has one" }

    /** One for each chat; a later one takes the place of the earlier. */
    fun post(notices: List<Notice>) {
        val channel = NotificationChannel(CHANNEL, Sentences.CHANNEL, NotificationManager.IMPORTANCE_HIGH)
        channel.lockscreenVisibility = Notification.VISIBILITY_PRIVATE
        manager.createNotificationChannel(channel)
        notices.forEach { manager.notify(it.chat, NUMBER, build(it)) }
    }

    /** The chat was opened: what was told of it is no longer new. */
    fun seen(chat: String) = manager.cancel(chat, NUMBER)

    private fun build(notice: Notice): Notification {
        // What is shown instead while the phone is locked: no name, no number.
        val locked = Notification.Builder(context, CHANNEL).setSmallIcon(icon).setContentTitle(Sentences.LOCKED).build()
        val open = Intent(context, opens).setAction(notice.chat).putExtra(EXTRA_CHAT, notice.chat)
        val flags = PendingIntent.FLAG_IMMUTABLE or PendingIntent.FLAG_UPDATE_CURRENT
        return Notification.Builder(context, CHANNEL)
            .setSmallIcon(icon)
            .setContentTitle(notice.name)
            .setContentText(Sentences.messages(notice.count))
            .setCategory(Notification.CATEGORY_MESSAGE)
            .setVisibility(Notification.VISIBILITY_PRIVATE)
            .setPublicVersion(locked)
            .setContentIntent(PendingIntent.getActivity(context, 0, open, flags))
            .setAutoCancel(true)
            .build()
    }

    companion object {
        /** The field of the intent that says which chat to open. */
        const val EXTRA_CHAT = "chat.dunnock.chat"
        private const val CHANNEL = "messages"
        private const val NUMBER = 1
    }
}

/** The sentences of notifications, in one place. */
internal object Sentences {
    const val CHANNEL = "Messages"
    const val LOCKED = "New message"

    fun messages(count: Int) = if (count == 1) "New message" else "$count new messages"
}
