using VmBus.Native.Linux;

namespace VmBus.Sockets.Connectors;

/// <summary>Connects to sockets of the host for a process that may not (<see cref="HostConnector"/>): to those of one place, and no others.</summary>
/// <remarks>
/// Who asks may be a guest that has taken its partition's process over. It chooses the service, which is the guest's to choose anyway, and gets each connection that it asks for; one that
/// does not take its answers waits, and keeps nobody else waiting. Source: protocol-spec/given.md#connecting.
/// </remarks>
public static class ConnectorServer
{
    private const int DeadAttempts = 4;
    private static readonly TimeSpan EndPatience = TimeSpan.FromSeconds(3);

    /// <summary>Serves until the other ends of all connections are closed, and removes sockets that were the other process's to listen at.</summary>
    /// <param name="places">The places, each with the connection that asks for it; connections are closed.</param>
    public static void Run(IReadOnlyList<(ConnectPlace Place, LinuxFile Connection)> places)
    {
        Thread[] threads = [.. places.Select(static one => new Thread(() => Serve(one.Place, one.Connection), maxStackSize: 256 * 1024) { Name = "connector" })];
        foreach (Thread thread in threads) thread.Start();
        foreach (Thread thread in threads) thread.Join();
    }

    private static void Serve(ConnectPlace place, LinuxFile connection)
    {
        using (var from = DescriptorSocket.Take(connection))
        {
            Span<byte> request = stackalloc byte[ConnectMessage.RequestBytes];
            Span<int> received = stackalloc int[DescriptorSocket.MaximumDescriptors];
            while (TryFill(from, request, received) && Answer(from, place, ConnectMessage.ReadRequest(request)))
            {
            }
        }

        if (place.Kind == ConnectKind.Vsock) RemoveDead(place.Path);
    }

    private static bool Answer(DescriptorSocket to, ConnectPlace place, Guid service)
    {
        Span<byte> answer = stackalloc byte[ConnectMessage.AnswerBytes];
        using LinuxFile? made = place.TryConnect(service, out int errno);
        ConnectMessage.WriteAnswer(answer, made is null ? errno : 0);
        return to.Send(answer, made) == 0;
    }

    private static bool TryFill(DescriptorSocket from, Span<byte> target, Span<int> received)
    {
        while (!target.IsEmpty)
        {
            int bytes = from.Receive(target, received, out int count);
            foreach (int descriptor in received[..count]) DescriptorSocket.Close(descriptor);
            if (bytes <= 0) return false;
            target = target[bytes..];
        }

        return true;
    }

    // The process that listened there may not remove it. What a killed one held is closed in any order, so it may still listen when it asks no more: who
    // connects then is hung up on as soon as it ceases. Whoever starts next may be there already, and keeps its socket.
    private static void RemoveDead(string path)
    {
        try
        {
            using EventFd never = EventFd.Create();
            RemoveDead(path, never);
        }
        catch (LinuxException)
        {
            // No descriptor is left to look with; the next to listen there replaces it.
        }
    }

    private static void RemoveDead(string path, EventFd never)
    {
        for (int i = 0; i < DeadAttempts; i++)
        {
            using LinuxFile? other = UnixSocket.TryConnect(path, out int errno);
            if (other is not null && DescriptorIo.WaitForInput(other.Descriptor, never, EndPatience).Readable) continue;
            if (other is not null || errno != Errno.ECONNREFUSED || !FileStatus.IsSocket(path)) return;
            try
            {
                File.Delete(path);
            }
            catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
            {
                // The next to listen there replaces it.
            }

            return;
        }
    }
}
