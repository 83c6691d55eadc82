package chat.dunnock.platform

import android.content.Context
import android.net.ConnectivityManager
import android.net.Network

/** Which network the phone is on. */
object Networks {
    /** Tells, from now on and for as long as the process lives, whenever that is another one, or one again. */
    fun watch(context: Context, changed: () -> Unit) {
        val told = object : ConnectivityManager.NetworkCallback() {
            override fun onAvailable(network: Network) = changed()

            override fun onLost(network: Network) = changed()
        }
        context.getSystemService(ConnectivityManager::class.java)?.registerDefaultNetworkCallback(told)
    }
}
