using Evenkeel.Serialization;

namespace Evenkeel.Examination;

/// <summary>The tensors of a safetensors file, or of several with an index, read piece by piece.</summary>
internal sealed class SafeTensorsSource : TensorSource, IDisposable
{
    private readonly Dictionary<string, SafeTensorsView> _views;
    private readonly OrderedDictionary<string, (SafeTensorsView View, SafeTensorsEntry Entry)> _entries =
        new(StringComparer.Ordinal);

    private SafeTensorsSource(string path, Dictionary<string, SafeTensorsView> views) : base(path) => _views = views;

    public override IReadOnlyList<string> Names => _entries.Keys;

    public override IReadOnlyDictionary<string, string> Texts
    {
        get
        {
            var texts = new Dictionary<string, string>(StringComparer.Ordinal);
            foreach (SafeTensorsView view in _views.Values)
            {
                foreach ((string key, string text) in view.Metadata) texts.TryAdd(key, text);
            }

            return texts;
        }
    }

    /// <summary>Opens a file or an index.</summary>
    /// <exception cref="IOException">A file is missing or cannot be read.</exception>
    /// <exception cref="InvalidDataException">It is truncated, damaged, or of another kind.</exception>
    public static SafeTensorsSource Open(string path)
    {
        var source = new SafeTensorsSource(path, new Dictionary<string, SafeTensorsView>(StringComparer.Ordinal));
        try
        {
            if (ShardIndex.Is(path)) source.AddShards(path);
            else source.AddAll(path);
            return source;
        }
        catch
        {
            source.Dispose();
            throw;
        }
    }

    public override string TypeOf(string name) => _entries[name].Entry.Type;

    public override IReadOnlyList<long> SizesOf(string name) => _entries[name].Entry.Dimensions;

    public void Dispose()
    {
        foreach (SafeTensorsView view in _views.Values) view.Dispose();
    }

    protected override TensorBytes BytesOf(string name)
    {
        (SafeTensorsView view, SafeTensorsEntry entry) = _entries[name];
        return (offset, to) => view.Read(entry, offset, to);
    }

    private SafeTensorsView ViewOf(string path)
    {
        if (!_views.TryGetValue(path, out SafeTensorsView? view))
            _views.Add(path, view = SafeTensorsView.Open(path));
        return view;
    }

    private void AddAll(string path)
    {
        SafeTensorsView view = ViewOf(path);
        foreach (SafeTensorsEntry entry in view.Entries) _entries.Add(entry.Name, (view, entry));
    }

    private void AddShards(string path)
    {
        foreach ((string name, string file) in ShardIndex.Files(path))
        {
            SafeTensorsView view = ViewOf(file);
            _entries.Add(name, (view, view.Find(name) ?? throw ShardIndex.Missing(path, name, file)));
        }
    }
}
