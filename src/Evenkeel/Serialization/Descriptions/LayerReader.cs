using System.Globalization;
using System.Text.Json;
using Evenkeel.Nn;
using Evenkeel.Random;

namespace Evenkeel.Serialization;

/// <summary>
/// Reads one object of a description. Each argument is asked for by name; one that nobody asks for is an error.
/// </summary>
internal sealed class LayerReader
{
    /// <summary>What errors begin with.</summary>
    public const string Caller = "ModuleDescription.FromJson";

    public const string TypeKey = "type", NameKey = "name", LayersKey = "layers", SameAsKey = "sameAs",
        ReplacedKey = "replaced", OpaqueKey = "opaque", DTypeKey = "dtype", InitKey = "init",
        ParametrizationKey = "parametrization";

    private static readonly OrderedDictionary<string, Init> s_inits = new(StringComparer.Ordinal)
    {
        [nameof(Init.Default)] = Init.Default,
        [nameof(Init.XavierUniform)] = Init.XavierUniform,
        [nameof(Init.XavierNormal)] = Init.XavierNormal,
        [nameof(Init.KaimingUniform)] = Init.KaimingUniform,
        [nameof(Init.KaimingNormal)] = Init.KaimingNormal,
    };

    private readonly JsonElement _layer;
    private readonly string _place;
    private readonly HashSet<string> _asked =
        new(StringComparer.Ordinal) { TypeKey, NameKey, ReplacedKey, ParametrizationKey };

    private readonly NetworkSoFar _network;

    private LayerReader(JsonElement layer, string place, string type, NetworkSoFar network) =>
        (_layer, _place, Type, _network) = (layer, place, type, network);

    /// <summary>The type that the object says, as errors write it.</summary>
    public string Type { get; }

    /// <summary>The stream of the start values; null: each layer has its own.</summary>
    public IRandomStream? Random => _network.Random;

    /// <summary>The network of the outermost object, or of the outermost array of layers.</summary>
    public static Module ReadRoot(JsonElement root, IRandomStream? random)
    {
        var network = new NetworkSoFar(random, []);
        if (root.ValueKind == JsonValueKind.Array) return ReadLayers(root, "", "", network);
        Module module = Read(root, "", "", network, isRoot: true);
        if (root.TryGetProperty(InitKey, out JsonElement init))
        {
            string name = init.ValueKind == JsonValueKind.String ? init.GetString()! : "";
            Init scheme = s_inits.GetValueOrDefault(name) ?? throw Fail(
                InitKey, $"expected {string.Join(" or ", s_inits.Keys)}, got {Shown(init)}."
                    + NearestName.Hint(name, s_inits.Keys));
            module.Initialize(scheme, random ?? DefaultStreams.Next());
        }

        if (root.TryGetProperty(DTypeKey, out JsonElement dtype))
        {
            string? type = dtype.ValueKind == JsonValueKind.String ? dtype.GetString() : null;
            module.To(type switch
            {
                "float32" => DType.Float32,
                "float64" => DType.Float64,
                _ => throw Fail(DTypeKey, $"expected \"float32\" or \"float64\", got {Shown(dtype)}"),
            });
        }

        return module;
    }

    /// <summary>The module of an object at a place of the text.</summary>
    /// <param name="layer">The object.</param>
    /// <param name="place">Its place, for errors.</param>
    /// <param name="path">Its name in the network.</param>
    /// <param name="network">What is made so far.</param>
    /// <param name="isRoot">Whether it is the outermost object.</param>
    private static Module Read(JsonElement layer, string place, string path, NetworkSoFar network, bool isRoot = false)
    {
        if (layer.ValueKind != JsonValueKind.Object)
            throw Fail(place, $"expected an object with the type of a layer, got {Shown(layer)}");
        if (layer.TryGetProperty(SameAsKey, out JsonElement same)) return network.At(same, At(place, SameAsKey));
        string type = TypeOf(layer, place, isRoot);
        if (layer.TryGetProperty(OpaqueKey, out _))
        {
            throw Fail(place, $"expected a layer of the library, got {type}, a module of a program's own, of which "
                + "a description has no arguments. Make the network in that program");
        }

        var reader = new LayerReader(layer, place, type, network);
        if (isRoot) reader._asked.UnionWith([DTypeKey, InitKey]);
        Module module;
        if (type == nameof(Sequential))
        {
            JsonElement layers = reader.Required(LayersKey, "an array of layers");
            reader.RefuseUnknown();
            module = ReadLayers(layers, At(place, LayersKey), path, network);
        }
        else
        {
            LayerEntry entry = LayerTable.Find(type) ?? throw Fail(place, $"expected the type of a layer, got "
                + $"{type}.{NearestName.Hint(type, LayerTable.Names)} The types are "
                + $"{string.Join(", ", LayerTable.Names)}");
            module = reader.Replaced(reader.Make(reader => reader.Parametrized(entry.Read(reader))));
        }

        network.Made[path] = module;
        return module;
    }

    private static string TypeOf(JsonElement layer, string place, bool isRoot)
    {
        if (layer.TryGetProperty(TypeKey, out JsonElement type))
        {
            return type.ValueKind == JsonValueKind.String
                ? type.GetString()!
                : throw Fail(At(place, TypeKey), $"expected the name of a layer, got {Shown(type)}");
        }

        if (isRoot && layer.TryGetProperty(LayersKey, out _)) return nameof(Sequential);
        throw Fail(place, $"expected {(isRoot ? "\"type\" or \"layers\"" : "\"type\"")}, the layer's name, got "
            + $"{Properties(layer)}");
    }

    private static Sequential ReadLayers(JsonElement layers, string place, string path, NetworkSoFar network)
    {
        if (layers.ValueKind != JsonValueKind.Array)
            throw Fail(place, $"expected an array of layers, got {Shown(layers)}");
        var chain = new Sequential();
        foreach (JsonElement layer in layers.EnumerateArray())
        {
            string at = $"{place}[{chain.Count}]", name = chain.Count.ToString(CultureInfo.InvariantCulture);
            if (layer.ValueKind == JsonValueKind.Object && layer.TryGetProperty(NameKey, out JsonElement own))
            {
                name = own.ValueKind == JsonValueKind.String
                    ? own.GetString()!
                    : throw Fail(At(at, NameKey), $"expected a name, got {Shown(own)}");
            }

            Module module = Read(layer, at, Module.Join(path, name), network);
            try
            {
                chain.Add(name, module);
            }
            catch (ArgumentException e)
            {
                throw Fail(at, e);
            }
        }

        return chain;
    }

    public int Integer(string name) => IntegerOf(Required(name, "a whole number"), name);

    public int Integer(string name, int @default) => IntegerOrNull(name) ?? @default;

    public int? IntegerOrNull(string name) => Optional(name) is { } value ? IntegerOf(value, name) : null;

    public int[] Integers(string name) => IntegersOf(Required(name, "an array of whole numbers"), name);

    public double Number(string name, double @default) => NumberOrNull(name, @default)
        ?? throw Fail(At(_place, name), $"{Type}: expected a number, got null");

    /// <summary>A number or null, which is a value of its own.</summary>
    public double? NumberOrNull(string name, double? @default)
    {
        if (Ask(name) is not { } value) return @default;
        if (value.ValueKind == JsonValueKind.Null) return null;
        if (value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out double number)) return number;
        throw Fail(At(_place, name), $"{Type}: expected a number, got {Shown(value)}");
    }

    public bool Flag(string name, bool @default) => Optional(name) is not { } value ? @default
        : value.ValueKind is JsonValueKind.True or JsonValueKind.False ? value.GetBoolean()
        : throw Fail(At(_place, name), $"{Type}: expected true or false, got {Shown(value)}");

    public T Choice<T>(string name, T @default) where T : struct, Enum
    {
        if (Optional(name) is not { } value) return @default;
        string[] names = Enum.GetNames<T>();
        string? text = value.ValueKind == JsonValueKind.String ? value.GetString() : null;
        if (Array.IndexOf(names, text) is var index and >= 0) return Enum.GetValues<T>()[index];
        throw Fail(At(_place, name), $"{Type}: expected {string.Join(" or ", names)}, got {Shown(value)}."
            + NearestName.Hint(text ?? "", names));
    }

    public string? TextOrNull(string name) => Optional(name) is not { } value ? null
        : value.ValueKind == JsonValueKind.String ? value.GetString()
        : throw Fail(At(_place, name), $"{Type}: expected a text, got {Shown(value)}");

    public Size2 Size(string name) => SizeOf(Required(name, "a size"), name);

    public Size2? SizeOrNull(string name) => Optional(name) is { } value ? SizeOf(value, name) : null;

    /// <summary>A height and a width of which each may be null.</summary>
    public (int? Height, int? Width) OpenSize(string name)
    {
        JsonElement value = Required(name, "a size");
        if (value.ValueKind != JsonValueKind.Array) return (IntegerOf(value, name), IntegerOf(value, name));
        if (value.GetArrayLength() == 2) return (Side(value[0]), Side(value[1]));
        throw Fail(At(_place, name), $"{Type}: expected a whole number, or [height, width], got {Shown(value)}");

        int? Side(JsonElement side) => side.ValueKind == JsonValueKind.Null ? null : IntegerOf(side, name);
    }

    /// <summary>A depth, a height and a width of which each may be null.</summary>
    public (int? Depth, int? Height, int? Width) OpenSize3(string name)
    {
        JsonElement value = Required(name, "a size");
        if (value.ValueKind != JsonValueKind.Array)
        {
            int all = IntegerOf(value, name);
            return (all, all, all);
        }

        if (value.GetArrayLength() == 3) return (Side(value[0]), Side(value[1]), Side(value[2]));
        throw Fail(At(_place, name), $"{Type}: expected a whole number, or [depth, height, width], got {Shown(value)}");

        int? Side(JsonElement side) => side.ValueKind == JsonValueKind.Null ? null : IntegerOf(side, name);
    }

    /// <summary>A factor, or those of height and width.</summary>
    public Scale2? ScaleOrNull(string name)
    {
        if (Optional(name) is not { } value) return null;
        if (value.ValueKind == JsonValueKind.Number) return value.GetDouble();
        if (value.ValueKind == JsonValueKind.Array && value.GetArrayLength() == 2
            && value[0].ValueKind == JsonValueKind.Number && value[1].ValueKind == JsonValueKind.Number)
            return new Scale2(value[0].GetDouble(), value[1].GetDouble());
        throw Fail(At(_place, name), $"{Type}: expected a number, or [height, width], got {Shown(value)}");
    }

    public Padding Padding()
    {
        const string Name = "padding";
        if (Optional(Name) is not { } value) return default;
        if (value.ValueKind == JsonValueKind.String && value.ValueEquals("same")) return Evenkeel.Padding.Same;
        if (value.ValueKind == JsonValueKind.String && value.ValueEquals("valid")) return Evenkeel.Padding.Valid;
        if (value.ValueKind != JsonValueKind.Array) return IntegerOf(value, Name);
        return IntegersOf(value, Name) switch
        {
            [var height, var width] => (height, width),
            [var depth, var height, var width] => (depth, height, width),
            [var left, var right, var top, var bottom] => Evenkeel.Padding.Sides(left, right, top, bottom),
            [var left, var right, var top, var bottom, var front, var back] =>
                Evenkeel.Padding.Sides(left, right, top, bottom, front, back),
            _ => throw Fail(At(_place, Name), $"{Type}: expected a whole number, [height, width], [depth, height, "
                + $"width], or [left, right, top, bottom] and front and back, got {Shown(value)}"),
        };
    }

    public Size3 Size3(string name) => Size3Of(Required(name, "a size"), name);

    public Size3? Size3OrNull(string name) => Optional(name) is { } value ? Size3Of(value, name) : null;

    public Shape Shape(string name)
    {
        JsonElement value = Required(name, "a whole number, or an array of them");
        return new Shape(value.ValueKind == JsonValueKind.Array ? IntegersOf(value, name) : [IntegerOf(value, name)]);
    }

    public WeightStandardization? Standardization()
    {
        const string Name = "weightStandardization";
        return Optional(Name) switch
        {
            null or { ValueKind: JsonValueKind.False } => null,
            { ValueKind: JsonValueKind.True } => new WeightStandardization(),
            { } => new WeightStandardization(Number(Name, 0)),
        };
    }

    /// <summary>A kind of norm; null if there is no such argument.</summary>
    public NormKind? Norm()
    {
        const string Name = "norm";
        if (Optional(Name) is not { } value) return null;
        if (value.ValueKind == JsonValueKind.String) return NormKinds.Of(value.GetString()!, null, null, null, Fails);
        return Object(Name, inner => NormKinds.Of(inner.Type, inner.IntegerOrNull("groups"),
            inner.NumberOrNull("eps", null), inner.NumberOrNull("momentum", null), Fails));

        Exception Fails(string message) => Fail(At(_place, Name), $"{Type}: {message}");
    }

    /// <summary>An object as an argument; it may have a type.</summary>
    public T Object<T>(string name, Func<LayerReader, T> read)
    {
        JsonElement value = Required(name, "an object");
        string place = At(_place, name);
        if (value.ValueKind != JsonValueKind.Object)
            throw Fail(place, $"{Type}: expected an object, got {Shown(value)}");
        string type = value.TryGetProperty(TypeKey, out _) ? TypeOf(value, place, isRoot: false) : name;
        return new LayerReader(value, place, type, _network).Make(read);
    }

    /// <summary>A layer as an argument.</summary>
    public Module Layer(string name) => Read(Required(name, "a layer"), At(_place, name), At(_place, name),
        new NetworkSoFar(Random, []));

    /// <summary>Whether an argument is there and no null.</summary>
    public bool Has(string name) => Optional(name) is not null;

    /// <summary>Whether an argument is there, and is text.</summary>
    public bool HasText(string name) => Optional(name) is { ValueKind: JsonValueKind.String };

    public InvalidDataException Fails(string name, string message) => Fail(At(_place, name), $"{Type}: {message}");

    /// <summary>What a function makes of this object, all of which it must have asked for.</summary>
    private T Make<T>(Func<LayerReader, T> read)
    {
        T made;
        try
        {
            made = read(this);
        }
        catch (Exception e) when (e is ArgumentException or OverflowException)
        {
            // An argument that is not known is the better reason.
            RefuseUnknown();
            throw Fail(_place, e);
        }

        RefuseUnknown();
        return made;
    }

    /// <summary>The layer, its weight computed if the description says so.</summary>
    private Module Parametrized(Module layer) => !Has(ParametrizationKey)
        ? layer
        : Object(ParametrizationKey, form => form.Type switch
        {
            nameof(WeightNorm) => layer.AddWeightNorm(form.Flag("whole", false) ? null : form.Integer("dim", 0)),
            nameof(SpectralNorm) => layer.AddSpectralNorm(form.Integer("nPowerIterations", 1),
                form.Number("eps", 1e-12), form.IntegerOrNull("dim"), Random),
            _ => throw form.Fails(TypeKey, $"expected WeightNorm or SpectralNorm, got {form.Type}."),
        });

    /// <summary>The model with the modules that the description has in the place of some.</summary>
    private Module Replaced(Module model)
    {
        if (!_layer.TryGetProperty(ReplacedKey, out JsonElement replaced)) return model;
        string place = At(_place, ReplacedKey);
        if (replaced.ValueKind != JsonValueKind.Object)
            throw Fail(place, $"expected an object with the names of modules, got {Shown(replaced)}");
        Dictionary<string, Module> modules = model.NamedModules().Skip(1)
            .ToDictionary(static entry => entry.Name, static entry => entry.Module, StringComparer.Ordinal);
        var substitutes = new Dictionary<Module, Module>(ReferenceEqualityComparer.Instance);
        foreach (JsonProperty property in replaced.EnumerateObject())
        {
            if (!modules.TryGetValue(property.Name, out Module? module))
            {
                throw Fail(place, $"expected names of modules of the {Type}, got \"{property.Name}\"."
                    + NearestName.Hint(property.Name, modules.Keys));
            }

            substitutes[module] = Read(
                property.Value, At(place, property.Name), "", new NetworkSoFar(Random, []));
        }

        try
        {
            return model.Clone(module => substitutes.GetValueOrDefault(module));
        }
        catch (InvalidOperationException e)
        {
            throw Fail(place, e);
        }
    }

    private JsonElement Required(string name, string kind) => Optional(name) ?? throw Missing(name, kind);

    private InvalidDataException Missing(string name, string kind)
    {
        string[] others = [.. _layer.EnumerateObject().Select(static property => property.Name)
            .Where(other => !_asked.Contains(other))];
        string hint = NearestName.Find(name, others) is { } near ? $" Is {near} meant for it?" : "";
        return Fail(_place, $"{Type}: expected the argument {name}, {kind}, got {Properties(_layer)}.{hint}");
    }

    /// <summary>An argument; null if it is not there, or null.</summary>
    private JsonElement? Optional(string name) =>
        Ask(name) is { ValueKind: not JsonValueKind.Null } value ? value : null;

    private JsonElement? Ask(string name)
    {
        _asked.Add(name);
        return _layer.TryGetProperty(name, out JsonElement value) ? value : null;
    }

    private void RefuseUnknown()
    {
        foreach (JsonProperty property in _layer.EnumerateObject())
        {
            if (_asked.Contains(property.Name)) continue;
            string[] arguments = [.. _asked.Where(
                static name => name is not (
                    TypeKey or NameKey or ReplacedKey or DTypeKey or InitKey or ParametrizationKey))];
            string known = arguments.Length == 0 ? "no arguments" : $"the arguments {string.Join(", ", arguments)}";
            throw Fail(_place,
                $"{Type}: expected {known}, got {property.Name}.{NearestName.Hint(property.Name, arguments)}");
        }
    }

    private int IntegerOf(JsonElement value, string name) =>
        value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out int number)
            ? number
            : throw Fail(At(_place, name), $"{Type}: expected a whole number, got {Shown(value)}");

    private int[] IntegersOf(JsonElement value, string name) => value.ValueKind == JsonValueKind.Array
        ? [.. value.EnumerateArray().Select(item => IntegerOf(item, name))]
        : throw Fail(At(_place, name), $"{Type}: expected an array of whole numbers, got {Shown(value)}");

    private Size2 SizeOf(JsonElement value, string name)
    {
        if (value.ValueKind != JsonValueKind.Array) return IntegerOf(value, name);
        int[] sides = IntegersOf(value, name);
        return sides.Length == 2
            ? new Size2(sides[0], sides[1])
            : throw Fail(At(_place, name), $"{Type}: expected a whole number, or [height, width], got {Shown(value)}");
    }

    private Size3 Size3Of(JsonElement value, string name)
    {
        if (value.ValueKind != JsonValueKind.Array) return IntegerOf(value, name);
        int[] sides = IntegersOf(value, name);
        return sides.Length == 3
            ? new Size3(sides[0], sides[1], sides[2])
            : throw Fail(
                At(_place, name), $"{Type}: expected a whole number, or [depth, height, width], got {Shown(value)}");
    }

    private static string At(string place, string name) => place.Length == 0 ? name : $"{place}.{name}";

    private static InvalidDataException Fail(string place, Exception reason)
    {
        string message = reason.Message;
        if (reason is ArgumentException { ParamName: { } name })
            message = message.Replace($" (Parameter '{name}')", "", StringComparison.Ordinal);
        return Fail(place, message, reason);
    }

    private static InvalidDataException Fail(string place, string message, Exception? inner = null) => new(
        $"{Caller}: {(place.Length == 0 ? "" : $"{place}: ")}{message}{(message[^1] is '.' or '?' ? "" : ".")}", inner);

    private static string Properties(JsonElement layer)
    {
        string[] names = [.. layer.EnumerateObject().Select(static property => property.Name)];
        return names.Length == 0 ? "none" : string.Join(", ", names);
    }

    /// <summary>A value as the text has it, not too long.</summary>
    private static string Shown(JsonElement value)
    {
        const int Longest = 40;
        string text = value.GetRawText().ReplaceLineEndings(" ");
        return text.Length <= Longest ? text : $"{text.AsSpan(0, Longest)}...";
    }

    /// <summary>What is made so far of a network: its modules by their names in it.</summary>
    private sealed record NetworkSoFar(IRandomStream? Random, Dictionary<string, Module> Made)
    {
        public Module At(JsonElement name, string place)
        {
            string? text = name.ValueKind == JsonValueKind.String ? name.GetString() : null;
            return text is not null && Made.TryGetValue(text, out Module? module)
                ? module
                : throw Fail(place, "expected the name of a module further up in the network, got "
                    + $"{Shown(name)}.{NearestName.Hint(text ?? "", Made.Keys)}");
        }
    }
}
