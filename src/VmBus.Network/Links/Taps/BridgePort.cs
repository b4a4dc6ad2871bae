using System.ComponentModel;
using System.Diagnostics;
using VmBus.Native.Linux;
using VmBus.Native.Sandbox;

namespace VmBus.Network.Links.Taps;

/// <summary>A TAP's place in a Linux bridge or an Open vSwitch bridge. One thread at a time.</summary>
internal sealed class BridgePort
{
    private const string Program = "ovs-vsctl";
    private const int NotInstalled = -1;
    private const int NotAllowed = -2;
    private const int NoSuchBridge = 2;

    private readonly string _bridge;
    private readonly bool _openSwitch;
    private int _joinedIndex;
    private bool _isOthers;
    private string? _port;

    private BridgePort(string bridge, bool openSwitch)
    {
        _bridge = bridge;
        _openSwitch = openSwitch;
    }

    /// <summary>Finds the bridge.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="route">For questions.</param>
    /// <param name="mtu">Longest packet that passes it.</param>
    /// <exception cref="LinkException">There is none of this name.</exception>
    internal static BridgePort Find(string name, RouteSocket route, out int mtu)
    {
        NetworkInterface? found = route.Find(name);
        mtu = found?.Mtu ?? 0;
        if (found?.Kind == "bridge") return new BridgePort(name, openSwitch: false);
        (int status, string words) = Run("br-exists", name);
        if (status == 0 && found is not null) return new BridgePort(name, openSwitch: true);
        if (found is not null && found.Kind != "openvswitch")
            throw new LinkException(LinkProblem.WrongKind, $"'{name}' is a network interface but no bridge; name a bridge, or a TAP with tap={name}.");
        if (found is not null) throw new LinkException(LinkProblem.Host, $"Bridge '{name}' cannot be looked up in Open vSwitch: {words}");
        if (status == 0) throw new LinkException(LinkProblem.Host, $"Bridge '{name}' is known to Open vSwitch but has no interface here; start ovs-vswitchd.");
        string also = status is NotInstalled or NoSuchBridge ? string.Empty : $" Open vSwitch, where it may be, does not answer: {words}";
        throw new LinkException(
            LinkProblem.NotFound,
            $"Bridge '{name}' does not exist; create it (ip link add {name} type bridge && ip link set {name} up) or name another.{also}");
    }

    /// <summary>The place of an interface that another process has joined to the bridge. Who joins it again, and ends what Open vSwitch keeps, is that one.</summary>
    /// <param name="name">The bridge.</param>
    /// <param name="route">For questions.</param>
    internal static BridgePort Joined(string name, RouteSocket route)
    {
        NetworkInterface? found = route.Find(name);
        return new BridgePort(name, openSwitch: found is not null && found.Kind != "bridge") { _joinedIndex = found?.Index ?? 0, _isOthers = true };
    }

    /// <summary>Makes an interface a port.</summary>
    /// <param name="port">The interface.</param>
    /// <param name="route">For questions and changes.</param>
    /// <param name="mayBeLeft">Whether nobody ends what Open vSwitch keeps, so that it may know a port of this name, of an interface that is gone, on this bridge or another.</param>
    /// <returns>Null when done, else why not.</returns>
    internal string? Join(NetworkInterface port, RouteSocket route, bool mayBeLeft = false)
    {
        if (route.Find(_bridge) is not { } bridge) return $"bridge '{_bridge}' does not exist";
        if (_openSwitch)
        {
            if (mayBeLeft) _ = Run("--if-exists", "del-port", port.Name);
            (int status, string words) = Run("--may-exist", "add-port", _bridge, port.Name);
            if (status != 0) return words;
        }
        else
        {
            int refused = route.SetMaster(port.Index, bridge.Index);
            if (refused < 0) return LinuxException.DescribeError(-refused);
        }

        _port = port.Name;
        _joinedIndex = bridge.Index;
        return null;
    }

    /// <summary>Says what hinders frames from passing between the port and the bridge, and joins again a bridge that was made anew.</summary>
    /// <returns>Null when nothing does.</returns>
    internal string? Check(NetworkInterface port, RouteSocket route)
    {
        if (route.Find(_bridge) is not { } bridge) return $"bridge '{_bridge}' does not exist";
        if (port.Master == 0)
        {
            // Somebody who took the port out of the bridge meant it; a bridge that went took it out as well and is another one now.
            if (bridge.Index == _joinedIndex) return $"'{port.Name}' was taken out of bridge '{_bridge}'";
            if (_isOthers) return $"bridge '{_bridge}' was made anew";
            if (Join(port, route) is { } problem) return problem;
        }
        else if (!_openSwitch && port.Master != bridge.Index)
        {
            return $"'{port.Name}' is a port of another bridge than '{_bridge}'";
        }

        return bridge.IsUp ? null : $"bridge '{_bridge}' is down";
    }

    /// <summary>Whether the bridge is another one now, of the same name, and the port is to be opened anew by whoever has joined it.</summary>
    internal bool MustBeRenewed(NetworkInterface port, RouteSocket route)
        => _isOthers && port.Master == 0 && route.Find(_bridge) is { } bridge && bridge.Index != _joinedIndex;

    /// <summary>The interface is another one now, of the same name.</summary>
    internal void Forget() => _joinedIndex = 0;

    /// <summary>Ends what outlives the interface: Open vSwitch keeps its ports in a data base.</summary>
    internal void Leave()
    {
        if (_openSwitch && _port is not null) _ = Run("--if-exists", "del-port", _bridge, _port);
        _port = null;
    }

    // Its exit status and what it said.
    private static (int Status, string Words) Run(params string[] arguments)
    {
        var start = new ProcessStartInfo(Program, ["--timeout=10", .. arguments])
        {
            RedirectStandardInput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
        };
        start.Environment["LC_ALL"] = "C";
        try
        {
            using Process process = Process.Start(start)!;
            process.StandardInput.Close();
            string words = process.StandardError.ReadToEnd().Trim().ReplaceLineEndings(" ");
            process.WaitForExit();
            return (process.ExitCode, words.Length == 0 ? $"{Program} gave {process.ExitCode}" : words);
        }
        catch (Win32Exception) when (SystemCallFilter.DeniesPrograms)
        {
            return (NotAllowed, $"{Program} cannot be asked, as {SystemCallFilter.ProgramCure}");
        }
        catch (Win32Exception)
        {
            return (NotInstalled, $"{Program} is not installed");
        }
    }
}
