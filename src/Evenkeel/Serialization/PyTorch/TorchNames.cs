using System.Globalization;
using System.Numerics;

namespace Evenkeel.Serialization;

/// <summary>
/// Gives the tensors in a pickle their names: the keys and places on the way to them, with dots between. Numbers and
/// texts beside the tensors become strings.
/// </summary>
/// <param name="source">The file.</param>
/// <param name="skipUnknown">Whether objects of unknown classes are left out, and not refused.</param>
internal sealed class TorchNames(TorchSource source, bool skipUnknown)
{
    /// <summary>The name of a tensor that is alone in its file.</summary>
    public const string Alone = "tensor";

    /// <summary>The attribute of a dictionary in which a file of this library has its strings.</summary>
    public const string Strings = "metadata";

    /// <summary>The most strings; later ones are left out, and their names are not even made.</summary>
    public const int MaxStrings = 10_000;

    /// <summary>The most characters of one string; a longer one is left out.</summary>
    public const int MaxStringLength = 10_000;

    private const string SkipThem =
        " With skipUnknown: true (--skip-unknown on the command line) such objects are left out.";

    private const int MaxTotalLength = 1 << 20;

    private const int MaxDepth = 128;

    /// <summary>The longest name of a tensor.</summary>
    private const int MaxNameLength = 4096;

    private readonly List<Step> _path = [];
    private readonly HashSet<string> _names = new(StringComparer.Ordinal);
    private int _depth;
    private long _steps;
    private long _mostSteps;
    private long _strings;
    private int _stringLength;

    /// <summary>What leads from a value to one in it: a key, or a place if there is no key.</summary>
    private readonly record struct Step(object? Key, int Index);

    /// <summary>The tensors with their names, in the order of the file.</summary>
    public List<(string Name, TorchView View)> Tensors { get; } = [];

    /// <summary>The strings with their names.</summary>
    public Dictionary<string, string> Metadata { get; } = new(StringComparer.Ordinal);

    /// <summary>Walks through everything in a pickle.</summary>
    /// <param name="root">What the pickle holds.</param>
    /// <param name="bytes">The bytes of the pickle. One value may stand in many places, but not in too many.</param>
    public void Walk(object? root, long bytes)
    {
        _mostSteps = 1_000_000 + (4 * bytes);
        if (root is PickleOpaque alone && skipUnknown)
            throw source.Bad($"expected tensors, got an object of {alone.Name} alone. Nothing was executed", Remedy(
                alone.Name, ""));
        if (root is PickleNode { Kind: PickleKind.Dictionary, State: PickleNode { Kind: PickleKind.Dictionary } state })
            AddWrittenStrings(state.Items);
        Walk(root);
    }

    /// <summary>The error about a class or function that is not known.</summary>
    /// <param name="unknown">The class or function.</param>
    /// <param name="place">Where it stands.</param>
    public InvalidDataException Unknown(PickleOpaque unknown, string place) =>
        source.Bad($"expected tensors, dictionaries, lists, numbers and strings, got {unknown.Name} {place}. Nothing " +
            "was executed", Remedy(unknown.Name, SkipThem));

    private static string Remedy(string name, string skip) => name switch
    {
        "torch._utils._rebuild_qtensor" => "Quantized tensors are not read: save x.dequantize() in Python." + skip,
        "torch._utils._rebuild_sparse_tensor" or "torch._utils._rebuild_sparse_csr_tensor" =>
            "Sparse tensors are not read: save x.to_dense() in Python." + skip,
        "torch._utils._rebuild_meta_tensor_no_storage" => "A meta tensor has no values: save one that has." + skip,
        _ when name.StartsWith("torch.nn.modules.", StringComparison.Ordinal) =>
            "If it is a whole model, save model.state_dict() in Python." + skip,
        _ => "In Python, save a dictionary of the tensors alone, such as model.state_dict()." + skip,
    };

    private void Walk(object? value)
    {
        if (++_steps > _mostSteps)
            throw source.Bad($"expected at most {_mostSteps} values, got more at \"{Shown()}\"", "The file is " +
                "damaged, or was made to fill the memory.");
        switch (value)
        {
            case PickleNode node:
                WalkInto(node);
                break;
            case TorchView view:
                AddTensor(view);
                break;
            case TorchStorage storage:
                AddTensor(new TorchView(storage, storage.Type, 0, [storage.Count], [1]));
                break;
            case PickleOpaque unknown when !skipUnknown:
                throw Unknown(unknown, _path.Count == 0 ? "at the root" : $"at \"{Shown()}\"");
            default:
                if (_strings++ < MaxStrings && Text(value) is { } text) AddString(text);
                break;
        }
    }

    private void WalkInto(PickleNode node)
    {
        if (node.Items.IsEmpty && node.State is null) return;
        if (node.IsOnPath || _depth == MaxDepth)
        {
            throw source.Bad($"expected at most {MaxDepth} dictionaries and lists in one another, got " +
                (node.IsOnPath ? "one that contains itself" : "more") + $" at \"{Shown()}\"",
                "In Python, save a dictionary of the tensors alone, such as model.state_dict().");
        }

        node.IsOnPath = true;
        _depth++;
        if (node.Kind == PickleKind.Object)
        {
            Walk(node.State);
        }
        else if (node.Kind == PickleKind.Dictionary)
        {
            for (int i = 0; i < node.Items.Length; i += 2) WalkTo(new Step(node.Items[i], -1), node.Items[i + 1]);
        }
        else
        {
            for (int i = 0; i < node.Items.Length; i++) WalkTo(new Step(null, i), node.Items[i]);
        }

        _depth--;
        node.IsOnPath = false;
    }

    private void WalkTo(Step step, object? value)
    {
        _path.Add(step);
        Walk(value);
        _path.RemoveAt(_path.Count - 1);
    }

    private void AddTensor(TorchView view)
    {
        if (NameOrNull() is not { } name)
            throw source.Bad($"expected keys of at most {MaxNameLength} characters that are strings, numbers or None " +
                $"for a tensor, got \"{Shown()}\"", "Give it a string as its key in Python.");
        source.Budget.Take(256 + (2 * name.Length), $"the tensor \"{name}\"");
        if (name == SafeTensors.MetadataName)
            throw source.Bad($"expected another name than \"{name}\" for a tensor", "Give it another key in Python.");
        if (!_names.Add(name))
            throw source.Bad($"expected each name once, got two tensors with the name \"{name}\"",
                "Two keys become one name, such as 1 and \"1\"; change one of them in Python.");
        TorchStorages.Check(source, name, view);
        Tensors.Add((name, view));
    }

    private void AddString(string text)
    {
        if (text.Length > MaxStringLength || NameOrNull() is not { } name) return;
        if (text.Length + name.Length > MaxTotalLength - _stringLength) return;
        _stringLength += text.Length + name.Length;
        if (!Metadata.TryAdd(name, text))
            throw source.Bad($"expected each name once, got two values with the name \"{name}\"",
                "Two keys become one name, such as 1 and \"1\"; change one of them in Python.");
    }

    /// <summary>The strings that <see cref="TorchWriter"/> has put beside the tensors.</summary>
    private void AddWrittenStrings(ReadOnlySpan<object?> attributes)
    {
        for (int i = 0; i < attributes.Length; i += 2)
        {
            if (attributes[i] is not Strings || attributes[i + 1] is not PickleNode { Kind: PickleKind.Dictionary } all)
                continue;
            for (int j = 0; j < all.Items.Length; j += 2)
            {
                _path.Add(new Step(all.Items[j], -1));
                if (all.Items[j] is string && all.Items[j + 1] is string text && _strings++ < MaxStrings)
                    AddString(text);
                _path.Clear();
            }
        }
    }

    /// <summary>The name of the current place; null if a key is no text or number, or the name is too long.</summary>
    private string? NameOrNull()
    {
        if (_path.Count == 0) return Alone;
        string?[] parts = new string?[_path.Count];
        int length = parts.Length - 1;
        for (int i = 0; i < parts.Length; i++)
        {
            Step step = _path[i];
            parts[i] = step.Index >= 0 ? step.Index.ToString(CultureInfo.InvariantCulture) : Text(step.Key);
            if (parts[i] is not { } part || step.Key is PickleOpaque || (length += part.Length) > MaxNameLength)
                return null;
        }

        return string.Join('.', parts);
    }

    /// <summary>The current place for errors, cut to a line.</summary>
    private string Shown()
    {
        string shown = string.Join('.', _path.TakeLast(8).Select(static step => step.Index >= 0
            ? step.Index.ToString(CultureInfo.InvariantCulture)
            : Text(step.Key) ?? TorchGlobals.Describe(step.Key)).Select(static part =>
            part.Length <= 80 ? part : part[..77] + "..."));
        return _path.Count > 8 ? "..." + shown : shown;
    }

    /// <summary>A value as a string; null for what is not text, number, truth value or name.</summary>
    private static string? Text(object? value) => value switch
    {
        null => "None",
        string text => text,
        bool truth => truth ? "True" : "False",
        long or BigInteger or double => ((IFormattable)value).ToString(null, CultureInfo.InvariantCulture),
        Complex number => string.Create(CultureInfo.InvariantCulture,
            $"{number.Real}{(number.Imaginary < 0 ? "" : "+")}{number.Imaginary}j"),
        PickleGlobal global => global.Name,
        PickleOpaque unknown => $"<{unknown.Name}>",
        _ => null,
    };
}
