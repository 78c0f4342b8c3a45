using System.Text.Json;
using System.Text.Json.Nodes;
using Evenkeel.Nn;
using Evenkeel.Random;

namespace Evenkeel.Serialization;

/// <summary>
/// A network as a JSON description of its layers: <c>model.ToJson()</c> writes it, and
/// <c>ModuleDescription.FromJson(json)</c> makes the network, freshly initialized. The weights are another file
/// (<see cref="ModuleFiles"/>).
/// </summary>
/// <remarks>
/// <para>A layer is an object: its <c>type</c>, and the arguments of its constructor under their names; what has its
/// default is left out. A Sequential has its <c>layers</c>, which are named by their position unless they have a
/// <c>name</c>. The outermost object may leave out the type Sequential, and comments and trailing commas are allowed:
/// <c>{"layers": [{"type": "Linear", "inFeatures": 4, "outFeatures": 8}, {"type": "ReLU"}]}</c>.</para>
/// <para>The outermost object may have an <c>init</c> (Default, XavierUniform, XavierNormal, KaimingUniform,
/// KaimingNormal), with which all start values are drawn again as <see cref="Module.Initialize(Init, ulong)"/> says. It
/// may have a <c>dtype</c>: float32, which is the default, or float64.</para>
/// <para>A module that stands in a second place of a Sequential is <c>{"sameAs": "0.1"}</c> there, by its name in the
/// network. A model in which modules were replaced (folded, synchronized, with standardized weights) has them under
/// <c>replaced</c>, by name.</para>
/// <para>A module type of a program's own is written as <c>{"type": "MyModule", "opaque": true, "children": {...}}</c>,
/// to look at: it cannot be made from that. What is no argument of a constructor is not described: weights, frozen
/// norms, hooks.</para>
/// </remarks>
public static class ModuleDescription
{
    /// <summary>The description of a network, indented; the same network always gives the same text.</summary>
    /// <param name="module">The network.</param>
    /// <param name="asLayers">
    /// Whether a model that is a chain (<see cref="LeNet"/>, <see cref="FullyConnected"/>, <see cref="ResNet"/>,
    /// <see cref="ImageNetResNet"/>) is written as a Sequential of its layers, to change them, and not as its own type.
    /// Names, outputs and start values are the same. Default: false.
    /// </param>
    public static string ToJson(this Module module, bool asLayers = false)
    {
        ArgumentNullException.ThrowIfNull(module);
        JsonObject root = asLayers && module is LeNet or FullyConnected or ResNet or ImageNetResNet
            ? AsLayers(module)
            : new ModuleDescriber().Describe(module, path: "");
        IReadOnlyList<Parameter> parameters = module.Parameters();
        if (parameters.Count > 0 && parameters[0].DType == DType.Float64) root[LayerReader.DTypeKey] = "float64";
        return DescriptionText.Of(root);
    }

    /// <summary>The network of a description, with fresh start values: those of the constructors.</summary>
    /// <param name="json">What <see cref="ToJson"/> writes, or the same by hand.</param>
    /// <param name="random">
    /// The stream from which all layers draw their start values, in their order. Null: each layer has its own stream.
    /// </param>
    /// <exception cref="InvalidDataException">
    /// The text is not JSON, or not a description; the message names the place, the layer, what was expected and what
    /// came.
    /// </exception>
    public static Module FromJson(string json, IRandomStream? random = null)
    {
        ArgumentNullException.ThrowIfNull(json);
        JsonDocument document;
        try
        {
            document = JsonDocument.Parse(json, new JsonDocumentOptions
            {
                AllowDuplicateProperties = false,
                AllowTrailingCommas = true,
                CommentHandling = JsonCommentHandling.Skip,
            });
        }
        catch (JsonException e)
        {
            throw new InvalidDataException($"{LayerReader.Caller}: expected JSON, got something else. {e.Message}", e);
        }

        using (document)
        {
            return LayerReader.ReadRoot(document.RootElement, random);
        }
    }

    private static JsonObject AsLayers(Module model)
    {
        JsonObject root = new ModuleDescriber().DescribeChain(model, path: "");
        // It takes samples of any rank.
        if (model is FullyConnected)
        {
            ((JsonArray)root[LayerReader.LayersKey]!).Insert(0, new JsonObject
            {
                [LayerReader.NameKey] = "flatten",
                [LayerReader.TypeKey] = nameof(Flatten),
            });
        }

        if (model is ResNet or ImageNetResNet) root.Insert(1, LayerReader.InitKey, nameof(Init.KaimingNormal));
        return root;
    }
}
