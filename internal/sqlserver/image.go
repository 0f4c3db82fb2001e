package sqlserver

import (
	"context"
	"errors"
	"fmt"
	"os"
)

// Image is the content of a server at one moment, users and passwords
// included. It is what stands behind a recovery point.
type Image struct {
	farm          *Farm
	name          string
	engine        Engine
	dir           string
	superPassword string
}

// Name is the name given at Snapshot.
func (i *Image) Name() string { return i.name }

// Engine is the kind of server the image was taken of.
func (i *Image) Engine() Engine { return i.engine }

// Snapshot copies a server's content as it is at one moment. A running server
// stands still for the time of the copy, some tens of milliseconds for small
// data; its clients only wait. Every transaction acknowledged before the call
// is in the image, and what is in the image was committed before it returned.
func (f *Farm) Snapshot(ctx context.Context, s *Server, name string) (*Image, error) {
	if err := f.acquire(ctx); err != nil {
		return nil, err
	}
	defer f.release()
	if !s.prepared {
		if err := s.ensure(ctx); err != nil {
			return nil, s.wrap(err)
		}
	}
	image := &Image{farm: f, name: name, engine: s.engine, dir: f.nextFolder(), superPassword: s.superPassword}
	if err := s.copyTo(image.dir); err != nil {
		return nil, s.wrap(fmt.Errorf("snapshot %s: %w", name, errors.Join(err, os.RemoveAll(image.dir))))
	}
	return image, nil
}

// copyTo copies the server's folder, standing still meanwhile if it runs.
func (s *Server) copyTo(dir string) error {
	if s.alive() {
		resume, err := suspend(s.proc.cmd.Process.Pid)
		defer resume()
		if err != nil {
			return err
		}
	}
	return s.farm.copyTree(dir, s.dir)
}

// Restore makes a server with an image's content, without starting it; the
// first dial runs crash recovery. The image stays usable.
func (f *Farm) Restore(ctx context.Context, image *Image, name string) (*Server, error) {
	s, err := f.add(&Server{name: name, engine: image.engine, superPassword: image.superPassword, prepared: true})
	if err != nil {
		return nil, err
	}
	if err := f.acquire(ctx); err != nil {
		return nil, errors.Join(s.wrap(err), s.Remove())
	}
	err = f.copyTree(s.dir, image.dir)
	f.release()
	if err != nil {
		return nil, errors.Join(s.wrap(fmt.Errorf("restore %s: %w", image.name, err)), s.Remove())
	}
	return s, nil
}

// Remove deletes the image. Servers restored from it keep their data.
func (i *Image) Remove() error {
	if err := i.farm.acquire(context.Background()); err != nil {
		return err
	}
	defer i.farm.release()
	return os.RemoveAll(i.dir)
}
