using System.Net.Sockets;
using System.Text;

namespace Evenkeel.Workbench.Watching;

/// <summary>The first lines of an HTTP request, as far as the live page needs them.</summary>
/// <param name="Method">The method, for example <c>GET</c>.</param>
/// <param name="Target">What is asked for, without its query.</param>
/// <param name="Headers">The headers by name, in any case.</param>
internal sealed record RequestHead(string Method, string Target, IReadOnlyDictionary<string, string> Headers)
{
    private const int Most = 16384;

    /// <summary>A header; null if it was not sent.</summary>
    public string? this[string name] => Headers.GetValueOrDefault(name);

    /// <summary>Reads up to the empty line. Null if that is no request.</summary>
    public static async Task<RequestHead?> ReadAsync(NetworkStream stream, CancellationToken cancellation)
    {
        byte[] bytes = new byte[Most];
        int count = 0;
        while (count < Most)
        {
            int read = await stream.ReadAsync(bytes.AsMemory(count), cancellation);
            if (read == 0) return null;
            count += read;
            int end = bytes.AsSpan(0, count).IndexOf("\r\n\r\n"u8);
            if (end >= 0) return Parse(Encoding.Latin1.GetString(bytes, 0, end));
        }

        return null;
    }

    /// <summary>Reads the lines before the empty line. Null if that is no request.</summary>
    public static RequestHead? Parse(string text)
    {
        string[] lines = text.Split("\r\n");
        string[] first = lines[0].Split(' ');
        if (first.Length != 3 || !first[2].StartsWith("HTTP/1.", StringComparison.Ordinal)) return null;
        var headers = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        foreach (string line in lines.AsSpan(1))
        {
            int colon = line.IndexOf(':', StringComparison.Ordinal);
            // A header that comes twice means two things to two readers: it is refused.
            if (colon < 1 || !headers.TryAdd(line[..colon], line[(colon + 1)..].Trim())) return null;
        }

        return new RequestHead(first[0], first[1].Split('?')[0], headers);
    }
}
