using VmBus.Service.Http;
using Xunit;

namespace VmBus.Service.Tests.Http;

public sealed class HttpEndpointTests
{
    [Theory]
    [InlineData("unix", "unix:/state/http.sock")]
    [InlineData("unix:/run/x.sock", "unix:/run/x.sock")]
    [InlineData("127.0.0.1:9469", "http://127.0.0.1:9469/")]
    [InlineData("localhost:80", "http://127.0.0.1:80/")]
    [InlineData("[::1]:9469", "http://[::1]:9469/")]
    [InlineData("unix, 127.0.0.2:1", "unix:/state/http.sock http://127.0.0.2:1/")]
    [InlineData("none", "")]
    [InlineData("", "")]
    public void Places_are_read(string setting, string places)
        => Assert.Equal(places, string.Join(' ', HttpEndpoint.Parse(setting, "/state/http.sock", remote: false)));

    [Theory]
    [InlineData("9469")]
    [InlineData("127.0.0.1")]
    [InlineData("[::1]")]
    [InlineData("127.0.0.1:0")]
    [InlineData("127.0.0.1:70000")]
    [InlineData("web.example:80")]
    [InlineData("unix:relative")]
    [InlineData("none,unix")]
    public void What_is_no_place_is_refused_with_what_one_looks_like(string setting)
        => Assert.Contains("ADDRESS:PORT such as 127.0.0.1:9469", Assert.Throws<InvalidDataException>(() => HttpEndpoint.Parse(setting, "/s", remote: true)).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData("0.0.0.0:9469")]
    [InlineData("[::]:9469")]
    [InlineData("192.0.2.1:9469")]
    [InlineData("unix,10.0.0.1:80")]
    public void Address_that_others_reach_needs_its_own_setting(string setting)
    {
        Assert.Contains("Service:HttpRemote=true", Assert.Throws<InvalidDataException>(() => HttpEndpoint.Parse(setting, "/s", remote: false)).Message, StringComparison.Ordinal);
        Assert.NotEmpty(HttpEndpoint.Parse(setting, "/s", remote: true));
    }

    [Theory]
    [InlineData("localhost", true)]
    [InlineData("LOCALHOST", true)]
    [InlineData("vm.localhost", true)]
    [InlineData("127.0.0.1", true)]
    [InlineData("::1", true)]
    [InlineData("192.0.2.1", true)]
    [InlineData("host.example", true)]
    [InlineData("evil.example", false)]
    [InlineData("127.0.0.1.evil.example", false)]
    [InlineData("localhost.evil.example", false)]
    [InlineData("", false)]
    public void Names_that_somebody_else_could_own_are_not_answered(string host, bool isKnown) => Assert.Equal(isKnown, HostName.IsKnown(host, ["host.example"]));
}
