using System.Diagnostics.CodeAnalysis;

namespace Evenkeel.Nn;

// The fields of every module are kept when a program is trimmed: Clone looks at them.
[DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.AllFields)]
public abstract partial class Module
{
    /// <summary>
    /// A deep copy: a network of its own with the same values, whose training does not move this one. With
    /// <paramref name="substitute"/> some modules are replaced on the way.
    /// </summary>
    /// <remarks>
    /// <para>What a module has registered is copied. A field that holds a part of a network (a module, parameter,
    /// buffer, running statistics, plain tensor or random stream), registered or not, holds its copy in the copy, and
    /// so do arrays and lists. One object in this network is one object in the copy: tied weights stay tied, a shared
    /// module stays shared. Element types and <see cref="Parameter.RequiresGradient"/> are kept; gradients and hooks
    /// are not copied.</para>
    /// <para>Every other object in a field (a record of options, a function) is shared with the copy. If it holds
    /// parts of the network, as a dictionary, a tuple, a closure or a helper class may, the module overrides
    /// <see cref="CopyState"/>; without it the copy is refused. See <see cref="ModuleCopier"/>.</para>
    /// </remarks>
    /// <param name="substitute">
    /// Called once for each module, parents first. The module that it returns stands in the copy, unchanged, wherever
    /// the original stood. Modules below the replaced one are not visited. Null keeps the module.
    /// </param>
    /// <exception cref="InvalidOperationException">
    /// The type of a field, an array or a list does not admit a substitute, or a field holds modules in a way that is
    /// not copied; the text names the field and its type.
    /// </exception>
    public Module Clone(Func<Module, Module?>? substitute = null) => new ModuleCopier(
        substitute is null ? null : (module, _) => substitute(module), sharesWeights: false).Copy(this);

    /// <summary>
    /// A copy as <see cref="Clone"/> makes it, but whose parameters share the memory of this network's: a replica for
    /// another thread. Gradients, running statistics and other buffers are its own.
    /// </summary>
    /// <remarks>The memory is shared until one of the two is converted with <see cref="To"/>.</remarks>
    public Module CloneSharingWeights() => new ModuleCopier(substitute: null, sharesWeights: true).Copy(this);

    /// <summary>
    /// Gives a copy of this module state of its own, which <see cref="Clone"/> does not copy by itself. Nothing to do
    /// unless a field holds parts of the network in a dictionary, a tuple, a closure or an object of another class, or
    /// an object that the copy must not share.
    /// </summary>
    /// <remarks>
    /// It is called on the copy, after everything else: what is registered is the copy's, and such a field still holds
    /// the original's object. Set the field to an object made of what <paramref name="copier"/> gives for the
    /// original's modules; for that it cannot be read-only.
    /// <code>
    /// protected override void CopyState(ModuleCopier copier) =>
    ///     _heads = _heads.ToDictionary(head => head.Key, head => copier.Copy(head.Value));
    /// </code>
    /// </remarks>
    /// <param name="copier">
    /// Returns what stands in the copy for a module, a parameter or a tensor of the original.
    /// </param>
    protected virtual void CopyState(ModuleCopier copier)
    {
    }

    internal void CopyOwnState(ModuleCopier copier) => CopyState(copier);

    /// <summary>
    /// The same module with the same fields but without hooks; what the fields hold is still the original's.
    /// </summary>
    internal Module CopyShell()
    {
        var shell = (Module)MemberwiseClone();
        shell._hooks = [];
        shell._predictTapes = null;
        shell._checkedNetwork = 0;
        return shell;
    }

    /// <summary>Replaces what is registered in a shell by its copies.</summary>
    internal void CopyRegistered(ModuleCopier copier)
    {
        OrderedDictionary<string, Parameter> parameters = _parameters;
        OrderedDictionary<string, StateBuffer> buffers = _buffers;
        OrderedDictionary<string, Module> children = _children;
        (_parameters, _buffers, _children) =
            (new(StringComparer.Ordinal), new(StringComparer.Ordinal), new(StringComparer.Ordinal));
        if (_optionalBuffers is not null)
            _optionalBuffers = new HashSet<string>(_optionalBuffers, StringComparer.Ordinal);
        foreach ((string name, Parameter parameter) in parameters) _parameters.Add(name, copier.Copy(parameter));
        foreach ((string name, StateBuffer buffer) in buffers) _buffers.Add(name, copier.Copy(buffer));
        foreach ((string name, Module child) in children) _children.Add(name, copier.Copy(child));
        if (_parametrized is not null) _parametrized = copier.Copy(_parametrized);
    }
}
